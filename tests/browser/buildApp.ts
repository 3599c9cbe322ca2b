/** Builds the app once, before the tests, from the sources as they are now. */
import { build } from 'vite';

export async function setup(): Promise<void> {
  await build({ configFile: 'app/vite.config.ts', logLevel: 'warn' });
}
