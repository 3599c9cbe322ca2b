/** Says once for all files of tests that those with a real server are skipped. */
import { hasNatsServer } from './natsServer.ts';

/** Called by vitest before the tests. */
export default function sayMissing(): void {
  if (!hasNatsServer)
    console.warn('no nats-server: tests with a real server are skipped (apt-get install nats-server)');
}
