/**
 * What an op says of its operands: one call declares which dtypes each may have, and refuses at once what is no tensor,
 * has another dtype, was freed, or lies on another device. Kernels take the bits as they come, so that an operand nobody
 * checks gives wrong numbers without a word.
 */
import { ArgumentError, expectKind, instanceOf, shownValue } from '../base/arguments.ts';
import { GpuError, MathformerError, ShapeError } from '../base/errors.ts';
import { Device } from '../gpu/device.ts';
import { type DType, showShape, Tensor } from './tensor.ts';

/** What floating-point arithmetic takes. */
export const FLOATS = ['f32'] as const satisfies readonly DType[];
/** What an index, a target or a token may be. */
export const INDICES = ['u32', 'i32'] as const satisfies readonly DType[];
/** What has gradients: those of f16 are f32. */
export const FLOATING = ['f32', 'f16'] as const satisfies readonly DType[];
export const CONDITIONS = ['bool'] as const satisfies readonly DType[];
export const NUMBERS = ['f32', 'i32', 'u32'] as const satisfies readonly DType[];
/** What is kept as one word a value. */
export const WORDS = [...NUMBERS, 'bool'] as const satisfies readonly DType[];
export const EVERY_DTYPE = [...WORDS, 'f16'] as const satisfies readonly DType[];

/** Operands by name, each with the dtypes it may have; one that is undefined is not given. */
export type Operands = Readonly<
  Record<string, readonly [operand: Tensor | undefined, dtypes: readonly DType[]]>
>;

/**
 * Checks the operands of an op.
 * @throws ShapeError for a dtype, ArgumentError for what is no tensor, GpuError for a freed tensor, MathformerError for
 * tensors of two devices. Each names the op and the operand.
 */
export function expectOperands(op: string, operands: Operands): void {
  let first: { readonly name: string; readonly device: Device } | undefined;
  for (const name in operands) {
    const [operand, dtypes] = operands[name] as Operands[string];
    if (operand === undefined) continue;
    expectTensor(op, name, operand);
    if (!dtypes.includes(operand.dtype)) throw wrongDtype(op, name, operand, dtypes);
    first ??= { name, device: operand.device };
    if (operand.device !== first.device) throw otherDevice(op, first.name, name);
  }
}

/** The same for a list of operands, of which each may have these dtypes. */
export function expectList(
  op: string,
  name: string,
  tensors: readonly Tensor[],
  dtypes: readonly DType[],
): void {
  if (!Array.isArray(tensors)) {
    throw new ArgumentError(op, `${name} is ${shownValue(tensors)}`, `give a list of tensors: ${op}([a, b])`);
  }
  expectOperands(
    op,
    Object.fromEntries(tensors.map((each, i) => [`${name}[${i}]`, [each, dtypes] as const])),
  );
}

/** @throws ArgumentError for what is no device. */
export function expectDevice(op: string, device: Device): void {
  expectKind(op, 'the device', device, instanceOf(Device));
}

/** Refuses what is no tensor, or one whose memory was given back. */
export function expectTensor(op: string, name: string, operand: unknown): asserts operand is Tensor {
  if (!(operand instanceof Tensor)) {
    throw new ArgumentError(op, `${name} is ${shownValue(operand)}`, 'give a tensor: tensor(device, values)');
  }
  if (!operand.view.buffer.released) return;
  throw new GpuError(`${op}: ${name} ${showShape(operand.shape)} was already released`, {
    code: 'USE_AFTER_FREE',
    where: op,
    fix: 'keep the tensor in an enclosing scope while it is in use',
  });
}

function wrongDtype(
  op: string,
  name: string,
  { shape, dtype }: Tensor,
  dtypes: readonly DType[],
): ShapeError {
  const allowed = dtypes.length > 1 ? `${dtypes.slice(0, -1).join(', ')} or ${dtypes.at(-1)}` : dtypes[0];
  return new ShapeError(
    op,
    `${name} ${showShape(shape)} has dtype ${dtype}, not ${allowed}`,
    `cast it first: cast(${name}, '${dtypes[0]}')`,
  );
}

function otherDevice(op: string, a: string, b: string): MathformerError {
  return new MathformerError(`${op}: ${a} and ${b} are tensors of two devices`, {
    code: 'OTHER_DEVICE',
    where: op,
    fix: `make both on one device: tensor(${a}.device, await ${b}.data(), { shape: ${b}.shape })`,
  });
}
