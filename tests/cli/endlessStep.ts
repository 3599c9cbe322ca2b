/** A process whose step never ends, so that only a second signal stops it. */
import { StopRequest } from '../../src/cli/stopRequest.ts';

const stop = new StopRequest(() => console.log(`asked to stop, code ${stop.exitCode}`));
setInterval(() => undefined, 1000);
console.log('ready');
