/** The system's Vulkan for Dawn on Linux: its loader, its drivers, and the reasons why drivers were refused. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { homeDirectory } from './userDirectories.ts';

let missing: string | undefined | null = null;

/**
 * Return the dynamic linker's message if the system has no Vulkan loader (the package libvulkan1); undefined if it has one. Dawn
 * opens `libvulkan.so.1` by that name.
 */
export function missingVulkanLoader(): string | undefined {
  if (missing === null) missing = dlopenFailure('libvulkan.so.1');
  return missing;
}

/** Open a shared library that is no Node addon. Return the reason if it cannot be opened. */
export function dlopenFailure(library: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, library);
    return undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Node's error after a successful dlopen, as the library is not an addon.
    return message.includes('did not self-register') ? undefined : message;
  }
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
export function dawnComplaints(dawnUrl: string): Promise<string[]> {
  const script = `
    const { create } = await import(process.argv[1]);
    await create([]).requestAdapter();
    process.exit(0);`;
  const args = ['--input-type=module', '--eval', script, dawnUrl];
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
