/** The two variants of a kernel whose rows are shared by threads, and the choice between them. */
import type { Device } from '../gpu/device.ts';
import { type AnyBindings, gridOf, type Kernel, type Launch, launchOf, type Scalar } from '../gpu/kernel.ts';
import type { Family, Variant } from '../gpu/variants.ts';
import { defaultsOf } from './defaults.ts';
import { asSubgroup, type RowGroup, threadsOf } from './rowGroup.ts';

/** Lanes from which on a subgroup makes a workgroup of its own: fewer leave most of a processor idle. */
const WIDE = 16;

/** Kernel whose rows are shared by threads. */
export interface SharedRows<Options> {
  /** Return the group for operands of this shape. */
  readonly group: (options: Options) => RowGroup;
  readonly plan: (options: Options, group: RowGroup) => Launch;
  /** Return true if the kernel takes these operands. Default: it takes all. */
  readonly fits?: (options: Options, group: RowGroup) => boolean;
}

/** A variant whose rows are shared by threads. */
export interface RowVariant<Options> extends Variant<Options> {
  /** Return the group of its threads on this device. */
  readonly group: (device: Device, options: Options) => RowGroup;
}

/** The variants, and the name of the one to prefer where rows are shared. */
export interface RowVariants<Options, Member extends Variant<Options> = RowVariant<Options>> {
  readonly row: Member;
  readonly subgroup: Member;
  /** Return the preferred one's name if the device's class shares rows, otherwise undefined. */
  readonly preferred: (device: Device, options: Options) => string | undefined;
}

/** Return the variants: `row`, which every adapter can run, and `row subgroup`, which needs no workgroup memory. */
export function rowVariants<Options>({
  group,
  plan,
  fits: takes = () => true,
}: SharedRows<Options>): RowVariants<Options> {
  const inSubgroup = ({ subgroupSize }: Device, options: Options): RowGroup | undefined =>
    takes(options, group(options)) ? asSubgroup(group(options), subgroupSize) : undefined;
  const variant = (
    name: string,
    own: (device: Device, options: Options) => RowGroup,
    fits: Variant<Options>['fits'],
  ): RowVariant<Options> => ({
    ...{ name, fits, group: own },
    plan: (device, options) => plan(options, own(device, options)),
  });
  const row = variant(
    'row',
    (_, options) => group(options),
    ({ limits }, options) =>
      takes(options, group(options)) && threadsOf(group(options)) <= limits.maxComputeInvocationsPerWorkgroup,
  );
  const subgroup = variant(
    'row subgroup',
    (device, options) => inSubgroup(device, options) ?? group(options),
    (device, options) => inSubgroup(device, options) !== undefined,
  );
  const preferred = (device: Device, options: Options): string | undefined => {
    if (defaultsOf(device).rows !== 'row') return undefined;
    return device.subgroupSize >= WIDE && inSubgroup(device, options) ? subgroup.name : row.name;
  };
  return { row, subgroup, preferred };
}

/** Return the family of a kernel that gives a thread to a row, and of the variants that share rows. */
export const rowFamily = <Options>(
  name: string,
  shapeClass: (options: Options) => string,
  thread: Variant<Options>,
  shared: RowVariants<Options>,
): Family<Options> => ({
  ...{ name, shapeClass, portable: thread.name },
  variants: [thread, shared.row, shared.subgroup],
  prefer: (device, options) => shared.preferred(device, options) ?? thread.name,
});

/** Return the variant that runs everywhere, of a kernel whose grid follows from its parameters. */
export const threadVariant = <Options, Bindings extends AnyBindings, Param extends string>(
  kernelOf: (options: Options) => Kernel<Bindings, Param>,
  operands: (options: Options) => {
    readonly views: NoInfer<Bindings>;
    readonly params: Readonly<Record<NoInfer<Param>, Scalar>>;
  },
): Variant<Options> => ({
  name: 'thread',
  fits: () => true,
  plan: (_, options) => {
    const kernel = kernelOf(options);
    const { views, params } = operands(options);
    return launchOf(kernel, views, { params, workgroups: gridOf(kernel, params) });
  },
});
