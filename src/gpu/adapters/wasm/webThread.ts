/** Threads in browsers: Web Workers from a Blob URL. */
import { type FromWorker, type ToWorker, workerSource } from './runner.ts';
import type { StartThread } from './thread.ts';

/** The part of a Web Worker that is used: Node's types lack it. */
interface WebWorker {
  onmessage: ((event: { readonly data: FromWorker }) => void) | null;
  onerror: ((event: { readonly message?: string }) => void) | null;
  postMessage(message: ToWorker): void;
  terminate(): void;
}

const { Worker: WebWorkers } = globalThis as {
  readonly Worker?: new (url: string, options: { readonly name: string }) => WebWorker;
};

/** Start a Web Worker; undefined where there are none. */
export const startWebThread: StartThread | undefined =
  WebWorkers &&
  (({ message, failed }) => {
    const url = URL.createObjectURL(new Blob([workerSource('self')], { type: 'text/javascript' }));
    const worker = new WebWorkers(url, { name: 'mathformer' });
    worker.onmessage = ({ data }) => message(data);
    worker.onerror = (event) => failed(event.message || 'a worker did not start');
    return {
      post: (data) => worker.postMessage(data),
      keepAlive: () => {},
      end: () => {
        URL.revokeObjectURL(url);
        worker.terminate();
      },
    };
  });
