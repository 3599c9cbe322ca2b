/**
 * Checks of operands. One call declares the dtypes that each operand may have, and refuses at once values that are no
 * tensors, other dtypes, freed tensors, and tensors of another device. Kernels do not check bits: an unchecked operand
 * would silently give wrong numbers.
 */
import { ArgumentError, expectKind, instanceOf, shownValue } from '../base/arguments.ts';
import { GpuError, MathformerError, ShapeError } from '../base/errors.ts';
import { Device } from '../gpu/device.ts';
import { type DType, showShape, Tensor } from './tensor.ts';

/** Dtypes of floating-point arithmetic. */
export const FLOATS = ['f32'] as const satisfies readonly DType[];
/** Dtypes of indices, targets and tokens. */
export const INDICES = ['u32', 'i32'] as const satisfies readonly DType[];
/** Dtypes with gradients. Those of f16 are f32. */
export const FLOATING = ['f32', 'f16'] as const satisfies readonly DType[];
export const CONDITIONS = ['bool'] as const satisfies readonly DType[];
export const NUMBERS = ['f32', 'i32', 'u32'] as const satisfies readonly DType[];
/** Dtypes stored as one 32-bit word per value. */
export const WORDS = [...NUMBERS, 'bool'] as const satisfies readonly DType[];
export const EVERY_DTYPE = [...WORDS, 'f16'] as const satisfies readonly DType[];

/** Operands by name, each with its allowed dtypes. An undefined operand counts as absent. */
export type Operands = Readonly<
  Record<string, readonly [operand: Tensor | undefined, dtypes: readonly DType[]]>
>;

/**
 * Check the operands of an op.
 * @throws ShapeError for a dtype, ArgumentError for a value that is no tensor, GpuError for a freed tensor, MathformerError
 * for tensors of two devices. Each error names the op and the operand.
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

/** Check a list of operands, which all may have these dtypes. */
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

/** @throws ArgumentError if the value is not a device. */
export function expectDevice(op: string, device: Device): void {
  expectKind(op, 'the device', device, instanceOf(Device));
}

/** @throws ArgumentError if the value is not a tensor; GpuError if the tensor was freed. */
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
