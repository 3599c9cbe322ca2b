/** Chooses the commands that give a faster adapter, by operating system and by the drivers that the machine has. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { AdapterKind } from '../../gpu/node.ts';

/** Facts that the advice depends on. They are gathered apart, so that tests can describe other machines. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  /** Fields of /etc/os-release; empty except on Linux. */
  readonly osRelease: Readonly<Record<string, string>>;
  readonly hasNvidiaDevice: boolean;
  readonly hasRenderNode: boolean;
}

/** Return commands, and comments starting with `#`, that give a faster adapter; empty where there is none. */
export function fasterAdapterAdvice(kind: AdapterKind | 'none', machine: Machine): string[] {
  if (kind === 'hardware') return [];
  if (machine.platform === 'darwin')
    return ['# Metal is built in: run outside of a virtual machine to reach the GPU.'];
  if (machine.platform === 'win32') return ["# Install the GPU vendor's current driver."];
  const advice: string[] = [];
  if (kind === 'software') advice.push('# Leave the choice of adapter out: wasm is faster than this driver.');
  if (machine.hasNvidiaDevice) {
    advice.push(
      "# An NVIDIA GPU is here, but its Vulkan driver is not. Install the driver's graphics libraries; in a container",
      '# start it with NVIDIA_DRIVER_CAPABILITIES=compute,graphics,utility. Then the loader:',
      'sudo apt-get install libvulkan1',
    );
  }
  if (!machine.hasRenderNode) return advice;
  const gpu = "# A GPU is here: Mesa's driver for it, if it is an AMD or Intel one:";
  return [...advice, gpu, ...mesaCommands(machine.osRelease)];
}

function mesaCommands({ ID = '', ID_LIKE = '', VERSION_CODENAME = '' }: Machine['osRelease']): string[] {
  const family = `${ID} ${ID_LIKE}`;
  if (VERSION_CODENAME === 'bookworm') {
    return [
      "# Debian 12's own Mesa 22.3 is too old for Dawn; the backport is not.",
      "echo 'deb http://deb.debian.org/debian bookworm-backports main' | sudo tee /etc/apt/sources.list.d/backports.list",
      'sudo apt-get update',
      'sudo apt-get install -t bookworm-backports mesa-vulkan-drivers libvulkan1',
    ];
  }
  if (/debian|ubuntu/.test(family)) return ['sudo apt-get install mesa-vulkan-drivers libvulkan1'];
  if (/fedora|rhel/.test(family)) return ['sudo dnf install mesa-vulkan-drivers vulkan-loader'];
  if (/arch/.test(family)) return ['sudo pacman -S vulkan-swrast vulkan-icd-loader'];
  return ["# Install Mesa 23 or newer's Vulkan drivers and the Vulkan loader (libvulkan.so.1)."];
}

export function inspectMachine(): Machine {
  return {
    platform: process.platform,
    osRelease: existsSync('/etc/os-release') ? parseOsRelease(readFileSync('/etc/os-release', 'utf8')) : {},
    hasNvidiaDevice: existsSync('/proc/driver/nvidia/version') || existsSync('/dev/nvidiactl'),
    hasRenderNode:
      existsSync('/dev/dri') && readdirSync('/dev/dri').some((node) => node.startsWith('renderD')),
  };
}

/** `NAME="value"` lines, as os-release(5) describes them. */
export function parseOsRelease(text: string): Record<string, string> {
  const fields = [...text.matchAll(/^([A-Z0-9_]+)=["']?(.*?)["']?$/gm)];
  return Object.fromEntries(fields.map(([, name = '', value = '']) => [name, value]));
}
