/** Loaded before a command: the disk is full from the first pass's checkpoint on. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { openSync, writeFileSync } = fs;
let checkpoint: number | undefined;
fs.openSync = (path, ...rest) => {
  const descriptor = openSync(path, ...rest);
  if (String(path).includes('model_step1.safetensors') && rest[0] === 'wx') checkpoint = descriptor;
  return descriptor;
};
fs.writeFileSync = (file, data, ...rest) => {
  if (file !== checkpoint) return writeFileSync(file, data, ...rest);
  // As a disk does: a part still fits.
  writeFileSync(file, (data as Uint8Array).subarray(0, 4096));
  throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
};
syncBuiltinESMExports();
