/** The system's Vulkan, as Dawn on Linux sees it: is there a loader, which drivers does it offer, why were they refused. */
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
  /** Why the system's loader is not used: the dynamic linker's own words. */
  readonly missing?: string;
}

let loader: VulkanLoader | undefined;

/**
 * Makes sure that Dawn finds a Vulkan loader. Dawn opens `libvulkan.so.1` beside its own dawn.node, then by bare name;
 * glibc answers the bare name with a library of that soname that is already in the process. So where the system has
 * no loader the embedded one is loaded first, for good: nothing is written into node_modules, and hardware drivers
 * work without the system's package libvulkan1 too.
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
 * Runs `start` with `VK_DRIVER_FILES` naming one driver. The loader reads the environment while Dawn creates its
 * Vulkan instance, which happens before `requestAdapter` returns its promise; so the variables are put back at once.
 * They are set in C, which in a worker thread does not see what is written to `process.env`.
 */
export function withVulkanDriver<T>(manifest: string, start: () => T): T {
  // The second is the older name, which loaders before 1.3.207 know.
  const names = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'];
  const c = libc();
  c?.lock(); // No other thread's Dawn may see them.
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

/** Manifests of the installed Vulkan drivers, by the loader's search rules for Linux. */
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
 * Dawn's own words on the drivers it refused. It writes them to the process's standard error only, where JavaScript
 * cannot read them back, so they are collected from a child process (about 0.1 s; never needed when all is well).
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

/** Dawn writes two such lines for every adapter whose driver offers more than Dawn has a use for, as lavapipe does. */
export const LIMIT_NOTE = /^Warning: max\w+ artificially reduced from /;

/** Dawn's warnings without their stack lines and without the notes about limits, which refuse nothing. */
export function readComplaints(stderr: string): string[] {
  const lines = stderr
    .split('\n')
    .filter((line) => /^(Warning|Error): /.test(line) && !LIMIT_NOTE.test(line))
    .map((line) => line.replace(/^(Warning|Error): /, '').trim());
  return [...new Set(lines)];
}
