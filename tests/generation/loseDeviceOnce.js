// Loaded into a process that generates: its first answer is that the device was lost, unless one of these said so before.
import { existsSync, writeFileSync } from 'node:fs';

const { LOST_ONCE: said } = process.env;
const send = process.send?.bind(process);
if (said !== undefined && send !== undefined) {
  process.send = (reply, ...rest) => {
    if (existsSync(said)) return send(reply, ...rest);
    writeFileSync(said, '');
    const failure = { message: 'the device was lost', code: 'DEVICE_LOST', where: 'device', fix: '' };
    return send({ failure }, ...rest);
  };
}
