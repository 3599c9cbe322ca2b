/** The two variants of a kernel whose rows are shared by threads, and the choice between them. */
import type { Device } from '../gpu/device.ts';
import type { Launch } from '../gpu/kernel.ts';
import type { Variant } from '../gpu/variants.ts';
import { defaultsOf } from './defaults.ts';
import { asSubgroup, type RowGroup, threadsOf } from './rowGroup.ts';

/** Lanes from which on a subgroup makes a workgroup of its own: fewer leave most of a processor idle. */
const WIDE = 16;

/** Kernel whose rows are shared by threads. */
export interface SharedRows<Options> {
  /** Return the group for operands of this shape. */
  readonly group: (options: Options) => RowGroup;
  readonly plan: (options: Options, group: RowGroup) => Launch;
}

/** The variants, and the name of the one to prefer where rows are shared. */
export interface RowVariants<Options> {
  readonly row: Variant<Options>;
  readonly subgroup: Variant<Options>;
  /** Return the preferred one's name if the device's class shares rows, otherwise undefined. */
  readonly preferred: (device: Device, options: Options) => string | undefined;
}

/** Return the variants: `row`, which every adapter can run, and `row subgroup`, which needs no workgroup memory. */
export function rowVariants<Options>({ group, plan }: SharedRows<Options>): RowVariants<Options> {
  const own = ({ subgroupSize }: Device, options: Options): RowGroup | undefined =>
    asSubgroup(group(options), subgroupSize);
  const row: Variant<Options> = {
    name: 'row',
    fits: ({ limits }, options) => threadsOf(group(options)) <= limits.maxComputeInvocationsPerWorkgroup,
    plan: (_, options) => plan(options, group(options)),
  };
  const subgroup: Variant<Options> = {
    name: 'row subgroup',
    fits: (device, options) => own(device, options) !== undefined,
    plan: (device, options) => plan(options, own(device, options) ?? group(options)),
  };
  return {
    row,
    subgroup,
    preferred: (device, options) => {
      if (defaultsOf(device).rows !== 'row') return undefined;
      return device.subgroupSize >= WIDE && own(device, options) ? subgroup.name : row.name;
    },
  };
}
