/** Threads in Node: workers of `node:worker_threads`. */
import { Worker } from 'node:worker_threads';
import { workerSource } from './runner.ts';
import type { StartThread } from './thread.ts';

const SOURCE = workerSource("require('node:worker_threads').parentPort");

export const startNodeThread: StartThread = ({ message, failed }) => {
  // Without the process's own options: loaders of TypeScript are not needed, and take time.
  const worker = new Worker(SOURCE, { eval: true, execArgv: [], name: 'mathformer' });
  worker.on('message', message);
  worker.on('error', (error) => failed(String(error)));
  worker.on('exit', (code) => failed(`a thread ended with exit code ${code}`));
  return {
    post: (data) => worker.postMessage(data),
    keepAlive: (stays) => (stays ? worker.ref() : worker.unref()),
    end: () => {
      worker.removeAllListeners();
      worker.terminate();
    },
  };
};
