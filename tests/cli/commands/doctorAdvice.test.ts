/** The doctor's advice for other machines. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import {
  fasterAdapterAdvice,
  inspectMachine,
  type Machine,
  parseOsRelease,
} from '../../../src/cli/commands/doctorAdvice.ts';

vi.mock('node:fs');

const BOOKWORM =
  'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian\n';
const DEBIAN = { ID: 'debian', VERSION_CODENAME: 'trixie' };

function machine(differences: Partial<Machine> = {}): Machine {
  return { platform: 'linux', osRelease: {}, hasNvidiaDevice: false, hasRenderNode: false, ...differences };
}

/** Return the commands in the advice, without comments. */
function commands(...of: Parameters<typeof fasterAdapterAdvice>): string[] {
  return fasterAdapterAdvice(...of).filter((line) => !line.startsWith('#'));
}

describe('fasterAdapterAdvice', () => {
  it.each([
    [DEBIAN, ['sudo apt-get install mesa-vulkan-drivers libvulkan1']],
    [{ ID: 'mint', ID_LIKE: 'ubuntu' }, ['sudo apt-get install mesa-vulkan-drivers libvulkan1']],
    [{ ID: 'fedora' }, ['sudo dnf install mesa-vulkan-drivers vulkan-loader']],
    [{ ID: 'rocky', ID_LIKE: 'rhel centos' }, ['sudo dnf install mesa-vulkan-drivers vulkan-loader']],
    [{ ID: 'arch' }, ['sudo pacman -S vulkan-swrast vulkan-icd-loader']],
    [{ ID: 'gentoo' }, []],
    [{}, []],
  ])('takes the package manager of %j', (osRelease, expected) => {
    for (const kind of ['wasm', 'none'] as const) {
      const withGpu = machine({ osRelease, hasRenderNode: true });
      expect(commands(kind, withGpu)).toEqual(expected);
      expect(fasterAdapterAdvice(kind, withGpu)[0]).toMatch(/^# A GPU is here/);
    }
  });

  it('takes the backport on Debian 12 only, whose own Mesa is too old', () => {
    const debian = machine({ osRelease: parseOsRelease(BOOKWORM), hasRenderNode: true });
    expect(commands('wasm', debian)).toEqual([
      expect.stringMatching(/^echo 'deb \S+ bookworm-backports main' \| sudo tee \S+\.list$/),
      'sudo apt-get update',
      'sudo apt-get install -t bookworm-backports mesa-vulkan-drivers libvulkan1',
    ]);
  });

  it('is silent where nothing is faster', () => {
    const rich = machine({ hasNvidiaDevice: true, hasRenderNode: true, osRelease: DEBIAN });
    expect(fasterAdapterAdvice('hardware', rich)).toEqual([]);
    expect(fasterAdapterAdvice('wasm', machine({ osRelease: DEBIAN }))).toEqual([]);
  });

  it('speaks of the GPU that no driver serves', () => {
    const nvidia = machine({ hasNvidiaDevice: true, osRelease: DEBIAN });
    expect(fasterAdapterAdvice('wasm', nvidia).join('\n')).toMatch(/NVIDIA_DRIVER_CAPABILITIES=.*graphics/);
    expect(commands('wasm', nvidia)).toEqual(['sudo apt-get install libvulkan1']);
    const other = machine({ hasRenderNode: true, osRelease: DEBIAN });
    expect(fasterAdapterAdvice('wasm', other)).toHaveLength(2);
    expect(fasterAdapterAdvice('wasm', other).join()).not.toContain('NVIDIA');
  });

  it('sends nobody to apt on macOS and Windows', () => {
    for (const platform of ['darwin', 'win32'] as const) {
      const there = machine({ platform, osRelease: DEBIAN, hasNvidiaDevice: true });
      expect(fasterAdapterAdvice('none', there)).toEqual([
        expect.stringMatching(platform === 'darwin' ? /^# Metal/ : /^# Install the GPU/),
      ]);
    }
  });

  it('points from a software driver back to wasm', () => {
    expect(fasterAdapterAdvice('software', machine({ osRelease: DEBIAN }))).toEqual([
      expect.stringMatching(/^# Leave the choice/),
    ]);
  });
});

describe('parseOsRelease', () => {
  it('reads quoted and bare values', () => {
    expect(parseOsRelease(BOOKWORM)).toEqual({
      PRETTY_NAME: 'Debian GNU/Linux 12 (bookworm)',
      VERSION_ID: '12',
      VERSION_CODENAME: 'bookworm',
      ID: 'debian',
    });
    expect(parseOsRelease("# ID=no\nID_LIKE='rhel fedora'\nlower=1\nEMPTY=\n")).toEqual({
      ID_LIKE: 'rhel fedora',
      EMPTY: '',
    });
  });
});

describe('inspectMachine', () => {
  const withFiles = (...paths: string[]) => {
    vi.mocked(existsSync).mockImplementation((path) => paths.includes(String(path)));
    vi.mocked(readFileSync).mockReturnValue(BOOKWORM);
    return inspectMachine();
  };

  it('finds the system, an NVIDIA card and a render node, and nothing where there is nothing', () => {
    vi.mocked(readdirSync).mockReturnValue([]);
    expect(withFiles()).toEqual(machine({ platform: process.platform }));
    expect(withFiles('/etc/os-release').osRelease.ID).toBe('debian');
    for (const path of ['/proc/driver/nvidia/version', '/dev/nvidiactl']) {
      expect(withFiles(path)).toMatchObject({ hasNvidiaDevice: true, hasRenderNode: false });
    }
    expect(withFiles('/dev/dri').hasRenderNode).toBe(false);
    const nodes = ['card0', 'renderD128'] as string[] & ReturnType<typeof readdirSync>;
    vi.mocked(readdirSync).mockReturnValue(nodes);
    expect(withFiles('/dev/dri')).toMatchObject({ hasNvidiaDevice: false, hasRenderNode: true });
  });
});
