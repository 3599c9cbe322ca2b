/**
 * `npm run crash`: kill processes at random moments, and check that nothing is lost. Two trainings of --steps steps each
 * run uninterrupted, and killed --kills times: metrics, weights and moments must be equal. A process that saves without a
 * pause is killed --saves times: its directory must never contain a torn checkpoint, nor lack an acknowledged one. The exit
 * code is 1 if a check fails.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Command } from 'commander';
import { z } from 'zod';
import { integer, seed } from '../../src/base/options.ts';
import { runCommand, throwing } from '../../src/cli/failure.ts';
import { addFlags, readFlags } from '../../src/cli/flags/flags.ts';
import { killWhileSaving, runAndKill, runWithKills, tracesOf } from './kill.ts';
import { TRAININGS } from './trainings.ts';

const flagsSchema = z.strictObject({
  kills: integer(0, 1000).default(20).describe('times each training is killed'),
  steps: integer(1, 100_000).default(200).describe('steps of each training'),
  saves: integer(0, 100_000).default(300).describe('times a process is killed while it saves'),
  seed: seed().default(0).describe('seed of the moments'),
});

async function run({ kills, steps, saves, seed }: z.output<typeof flagsSchema>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'mathformer-crash-'));
  let failed = false;
  try {
    for (const [name, training] of Object.entries(TRAININGS)) {
      const args = training(steps);
      const [whole, broken] = [`${name}-whole`, `${name}-killed`].map((each) => join(directory, each));
      const started = performance.now();
      const ended = await runAndKill('src/cli/train.ts', [...args, '--out', whole], {
        milliseconds: Number.POSITIVE_INFINITY,
      });
      if (ended.code !== 0) throw new Error(ended.output);
      const seconds = (performance.now() - started) / 1000;
      const report = await runWithKills(args, { out: broken, kills, seconds, seed });
      const [expected, found] = [tracesOf(whole), tracesOf(broken)];
      const once = isDeepStrictEqual(
        found.steps,
        Array.from({ length: found.steps.length }, (_, i) => i + 1),
      );
      const same = isDeepStrictEqual(found, expected);
      failed ||= !same || !once;
      console.log(
        `${name}: ${expected.steps.length} steps, ${report.kills} kills (${report.idle} of them when no step had been logged since the one before); ` +
          `${once ? 'no step missing or repeated' : 'STEPS MISSING OR REPEATED'}; ` +
          `metrics, SHA-256 of weights and moments, final answers: ${same ? 'the same' : 'DIFFERENT'} ` +
          `(${Math.round(seconds)} s unbroken, ${Math.round(report.seconds)} s killed)`,
      );
      for (const [file, hash] of Object.entries(found.hashes)) console.log(`  ${hash}  ${file}`);
    }
    const saving = await killWhileSaving(join(directory, 'saving'), saves, seed);
    failed ||= saving.torn > 0 || saving.lost > 0;
    console.log(
      `saving: ${saving.kills} kills, ${saving.acknowledged} checkpoints acknowledged, ${saving.torn} torn, ` +
        `${saving.lost} acknowledged but lost (${saving.midway} kills in the middle of a save)`,
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
  if (failed) process.exitCode = 1;
}

const program = throwing(new Command('crash')).description(
  'Kills trainings and saves at random moments, and checks that nothing is lost.',
);
addFlags(program, flagsSchema).action(() => run(readFlags(program, flagsSchema)));
await runCommand(program, process.argv.slice(2));
