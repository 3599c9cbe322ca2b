/** Opens addresses in the browser of the person at this machine. */
import open from 'open';

/** Tell whether somebody may sit at a screen of this machine: not in continuous integration, nor on another machine. */
export function hasScreen(env: NodeJS.ProcessEnv = process.env, platform = process.platform): boolean {
  if (env.CI || env.SSH_CONNECTION) return false;
  const isDesktop = platform === 'darwin' || platform === 'win32';
  return isDesktop || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
}

/** Open an address. Where that fails the person has read the address. */
export async function openBrowser(address: string): Promise<void> {
  try {
    const browser = await open(address);
    browser.on('error', () => {});
  } catch {
    // There is no browser.
  }
}
