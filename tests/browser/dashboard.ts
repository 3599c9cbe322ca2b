/** Starts `mathformer dashboard` as a person does, on a free port. */
import { start } from '../cli/cliProcess.ts';

export interface Dashboard {
  /** Ends with a slash. */
  readonly address: string;
  /** End the process. */
  stop(): Promise<void>;
}

export async function startDashboard(directory: string, port = 0): Promise<Dashboard> {
  const { child, ended, said } = start('main', ['dashboard', directory, '--no-open', '--port', `${port}`]);
  const [address] = await said(/http:\S+/);
  return {
    address,
    stop: async () => {
      child.kill();
      await ended;
    },
  };
}
