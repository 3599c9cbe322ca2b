/** A process whose current step never ends: what a second signal is for. */
import { StopRequest } from '../../src/cli/stopRequest.ts';

const stop = new StopRequest(() => console.log(`asked to stop, code ${stop.exitCode}`));
setInterval(() => undefined, 1000);
console.log('ready');
