/** The system's Vulkan for Dawn on Linux: its loader, its drivers, and the reasons why drivers were refused. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { dlopenFailure, isEmbeddedDriverSupported, unpackEmbeddedDriver } from './embedded.ts';
import { libc } from './libc.ts';
import { homeDirectory } from './privateDirectory.ts';

export interface VulkanLoader {
  readonly from: 'system' | 'embedded' | 'none';
  /** The preloaded file, when it is the embedded one. */
  readonly path?: string;
  /** The dynamic linker's message, if the system's loader cannot be used. */
  readonly missing?: string;
}

let loader: VulkanLoader | undefined;

/**
 * Ensure that Dawn finds a Vulkan loader. Dawn opens `libvulkan.so.1` beside its own dawn.node, then by bare name. For a bare
 * name, glibc returns a library of that soname that is already loaded. So if the system has no loader, the embedded one is
 * loaded first and stays loaded: nothing is written to node_modules, and hardware drivers work without the system's package
 * libvulkan1.
 */
export function ensureVulkanLoader(): VulkanLoader {
  loader ??= findVulkanLoader();
  return loader;
}

function findVulkanLoader(): VulkanLoader {
  const missing = dlopenFailure('libvulkan.so.1');
  if (missing === undefined) return { from: 'system' };
  if (!isEmbeddedDriverSupported()) return { from: 'none', missing };
  const path = unpackEmbeddedDriver().loader;
  const failure = dlopenFailure(path, { stay: true });
  return failure === undefined
    ? { from: 'embedded', path, missing }
    : { from: 'none', missing: `${missing}; ${failure}` };
}

/**
 * Run `start` with `VK_DRIVER_FILES` set to one driver. The loader reads the environment while Dawn creates its Vulkan
 * instance, before `requestAdapter` returns its promise; so the variables are restored at once. They are set in C, as
 * `process.env` of a worker thread is a copy.
 */
export function withVulkanDriver<T>(manifest: string, start: () => T): T {
  // The second name is for loaders before 1.3.207.
  const names = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'];
  const c = libc();
  c?.lock(); // no other thread's Dawn may see the variables
  const before = names.map(environmentVariable);
  for (const name of names) setEnvironmentVariable(name, manifest);
  try {
    return start();
  } finally {
    for (const [i, name] of names.entries()) setEnvironmentVariable(name, before[i]);
    c?.unlock();
  }
}

function environmentVariable(name: string): string | undefined {
  const c = libc();
  return c ? (c.getenv(name) ?? undefined) : process.env[name];
}

function setEnvironmentVariable(name: string, value: string | undefined): void {
  const c = libc();
  if (value === undefined) {
    if (c) c.unsetenv(name);
    else delete process.env[name];
  } else if (c) c.setenv(name, value, 1);
  else process.env[name] = value;
}

/** Return the manifests of the installed Vulkan drivers, by the loader's search rules for Linux. */
export function vulkanManifests(env: NodeJS.ProcessEnv = process.env): string[] {
  const chosen = env.VK_DRIVER_FILES ?? env.VK_ICD_FILENAMES;
  if (chosen) return chosen.split(delimiter);
  const home = homeDirectory(env);
  const inHome = (path: string): string[] => (home === undefined ? [] : [join(home, path)]);
  const roots = [
    ...(env.XDG_CONFIG_HOME ? [env.XDG_CONFIG_HOME] : inHome('.config')),
    ...(env.XDG_CONFIG_DIRS ?? '/etc/xdg').split(delimiter),
    '/etc',
    ...(env.XDG_DATA_HOME ? [env.XDG_DATA_HOME] : inHome('.local/share')),
    ...(env.XDG_DATA_DIRS ?? '/usr/local/share:/usr/share').split(delimiter),
  ];
  const manifests = roots.flatMap((root) => {
    const directory = join(root, 'vulkan/icd.d');
    try {
      return readdirSync(directory)
        .filter((name) => name.endsWith('.json'))
        .map((name) => join(directory, name));
    } catch {
      return [];
    }
  });
  return [...new Set(manifests)];
}

/**
 * Return Dawn's messages on refused drivers. Dawn writes them only to the process's standard error, which JavaScript cannot
 * read. So they are collected from a child process, and only if they are needed.
 */
export function dawnComplaints(dawnUrl: string, found: VulkanLoader): Promise<string[]> {
  const script = `
    const [dawn, loader] = process.argv.slice(1);
    if (loader) try { process.dlopen({ exports: {} }, loader, 0x1001); } catch {}
    const { create } = await import(dawn);
    await create([]).requestAdapter();
    process.exit(0);`;
  const args = ['--input-type=module', '--eval', script, dawnUrl, ...(found.path ? [found.path] : [])];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: 20_000 }, (error, _stdout, stderr) => {
      const complaints = readComplaints(stderr);
      resolve(
        complaints.length === 0 && error ? [`Dawn ends with ${error.signal ?? error.code}`] : complaints,
      );
    });
  });
}

/** Matches lines that Dawn writes for every adapter whose driver offers more than Dawn uses, such as lavapipe. */
export const LIMIT_NOTE = /^Warning: max\w+ artificially reduced from /;

/** Return Dawn's warnings without stack lines and without notes about limits. */
export function readComplaints(stderr: string): string[] {
  const lines = stderr
    .split('\n')
    .filter((line) => /^(Warning|Error): /.test(line) && !LIMIT_NOTE.test(line))
    .map((line) => line.replace(/^(Warning|Error): /, '').trim());
  return [...new Set(lines)];
}
