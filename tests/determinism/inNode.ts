/** The module that other versions of Node run, as a bundle: it prints the digests as JSON. */
import { openWasm } from '../../src/gpu/adapters/wasm/index.ts';
import { startNodeThread } from '../../src/gpu/adapters/wasm/nodeThread.ts';
import { Device } from '../../src/gpu/device.ts';
import { trainingDigests } from './training.ts';

const { adapter } = openWasm({ threads: 2, startThread: startNodeThread });
const device = await Device.open(adapter);
process.stdout.write(JSON.stringify(await trainingDigests(device)));
device.destroy();
