/** The bundled model that the guide computes with: one-digit sums, right less than half of the time. */
import { ModelHandle } from '../model/modelWorker.ts';

const FILE = 'checkpoints/sums.safetensors';

export const bundledModel = new ModelHandle(`bundled ${FILE}`, async () => {
  const response = await fetch(`${import.meta.env.BASE_URL}${FILE}`);
  if (!response.ok)
    throw new Error(`the bundled model cannot be loaded (${response.status}); reload the page`);
  return { bytes: new Uint8Array(await response.arrayBuffer()), name: FILE };
});
