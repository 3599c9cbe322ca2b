/** The fields of arithmetic's options. */
import { integer } from '../../base/options.ts';

/** A number of digits that the generator draws. */
export const digits = () => integer(1, 100);
/** A depth that the generator draws. */
export const depth = () => integer(1, 32);
