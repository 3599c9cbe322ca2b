/**
 * `inspect FILE`: shows the format, model, metadata and tensors of a checkpoint, even of one that cannot be loaded, such as a
 * diverged model. Of a run it shows the checkpoints.
 */
import { createHash } from 'node:crypto';
import { Command } from 'commander';
import { z } from 'zod';
import { printable } from '../../formats/error.ts';
import { weightFiles } from '../../formats/huggingFace/index.ts';
import {
  type Inspection,
  inspectCheckpoint,
  inspectHuggingFace,
  type TensorSummary,
} from '../../formats/inspect.ts';
import { describe, MODEL_SHAPES, type ModelConfig, shapeOf } from '../../model/config.ts';
import { parameterShapes } from '../../model/stateDict.ts';
import { readCheckpointSource } from '../../runs/checkpointFile.ts';
import { isRun } from '../../runs/latestModel.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import { outputSchema } from '../../training/commandOptions.ts';
import { columns } from '../columns.ts';
import { throwing } from '../failure.ts';
import { addFlags, filledOperand, readFlags } from '../flags/flags.ts';
import { Reporter } from '../reporter.ts';
import { inspectRun } from './inspectRun.ts';

const { json } = outputSchema.shape;
const flagsSchema = z.strictObject({ json });

function run(path: string, { json }: z.output<typeof flagsSchema>): void {
  const reporter = new Reporter({ json, quiet: true });
  if (isRun(path)) {
    inspectRun(path, reporter);
    return;
  }
  const source = readCheckpointSource(path);
  const inspection =
    source.kind === 'file' ? inspectCheckpoint(source.bytes, path) : inspectHuggingFace(source, path);
  const { config, metadata } = inspection;
  const files = source.kind === 'file' ? [source.bytes] : weightFiles(source);
  const hash = createHash('sha256');
  for (const bytes of files) hash.update(bytes);
  const file = {
    bytes: files.reduce((sum, { length }) => sum + length, 0),
    sha256: hash.digest('hex'),
  };
  if (json) {
    const model = config && { shape: shapeOf(config) ?? null, parameters: parameterCount(config) };
    reporter.document({ path, ...file, ...model, ...inspection, metadata: Object.fromEntries(metadata) });
    return;
  }
  reporter.line(`${path}: ${inspection.format}, ${file.bytes} bytes, SHA-256 ${file.sha256}`);
  for (const line of lines(inspection)) reporter.line(printable(line));
}

function lines({ config, problem, metadata, tensors }: Inspection): string[] {
  return [
    ...(config ? modelLines(config) : ['Model: not said']),
    problem === null ? 'It can be loaded.' : `It cannot be loaded: ${problem}`,
    ...[...metadata].map(([key, value]) => `Metadata: ${key} = ${value}`),
    '',
    ...columns([HEADER, ...tensors.map(row)], 3),
  ];
}

function modelLines(config: ModelConfig): string[] {
  const { nHeads, vocabSize, dropout } = config;
  const fields = new Map<string, unknown>(Object.entries(config));
  const listed = Object.keys(MODEL_SHAPES[config.architecture]).map((flag) => `${flag} ${fields.get(flag)}`);
  return [
    `Model: ${describe(config)}, ${nHeads} heads, vocabulary ${vocabSize}, dropout ${dropout}`,
    `Shape: ${shapeOf(config) ?? 'of its own'} (${listed.join(', ')})`,
    `Parameters: ${parameterCount(config)}`,
  ];
}

function parameterCount(config: ModelConfig): number {
  return [...parameterShapes(config).values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
}

const HEADER = ['tensor', 'dtype', 'shape', 'min', 'max', 'mean', 'std', 'non-finite'];

function row({ name, dtype, shape, statistics }: TensorSummary): string[] {
  const { min = null, max = null, mean = null, std = null, nonFinite } = statistics ?? {};
  return [
    printable(name),
    dtype,
    `[${shape.join(', ')}]`,
    ...[min, max, mean, std].map((value) => (value === null ? '-' : value.toPrecision(4))),
    nonFinite === undefined ? '-' : String(nonFinite),
  ];
}

/** Build `inspect <file>`. */
export function inspectCommand(): Command {
  const command = throwing(new Command('inspect'))
    .description('What a checkpoint holds: format, model, metadata, and the values of every tensor.')
    .argument(
      '<file>',
      'checkpoint (.safetensors, .pt), Hugging Face directory, or directory of a run',
      filledOperand,
    );
  return addFlags(command, flagsSchema).action((path: string) => run(path, readFlags(command, flagsSchema)));
}
