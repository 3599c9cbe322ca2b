/**
 * `lockRival.ts DIRECTORY START ROUNDS`, run directly by node. In round n, from START + n × PERIOD ms on, try to lock
 * DIRECTORY/n. While holding it, also create a file exclusively. Print the number of rounds won, and the number of rounds in
 * which another process had the file.
 */
import { closeSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { FileError } from '../../src/runs/fileError.ts';
import { RunLock } from '../../src/runs/lock.ts';

const PERIOD = 4;
const HOLD = 1;

const [parent = '', start = '', rounds = ''] = process.argv.slice(2);
const won: number[] = [];
const violated: number[] = [];

function waitUntil(time: number): void {
  while (performance.timeOrigin + performance.now() < time);
}

function attempt(round: number, directory: string): void {
  try {
    using _ = new RunLock(directory);
    const witness = join(directory, 'witness');
    closeSync(openSync(witness, 'wx'));
    won.push(round);
    waitUntil(performance.timeOrigin + performance.now() + HOLD);
    unlinkSync(witness);
  } catch (error) {
    if (error instanceof FileError && error.code === 'IN_USE') return;
    violated.push(round);
  }
}

for (let round = 0; round < Number(rounds); round++) {
  waitUntil(Number(start) + round * PERIOD);
  attempt(round, join(parent, String(round)));
}
process.stdout.write(JSON.stringify({ won, violated }));
