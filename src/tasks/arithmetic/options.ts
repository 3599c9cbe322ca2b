/** The fields of arithmetic's options. */
import { z } from 'zod';
import { ArgumentError } from '../../base/arguments.ts';
import { integer } from '../../base/options.ts';
import { checkedOperators, DEFAULT_OPERATORS, parseOperators } from '../expressions/operators.ts';

/** A number of digits that the generator draws. */
export const digits = () => integer(1, 100);
/** A depth that the generator draws. */
export const depth = () => integer(1, 32);

/** A list of operators, or a text such as `+,-,max`; all but `%` by default. */
export function operatorList() {
  return z
    .union([z.string(), z.array(z.string())], { error: 'give a list such as "+,-,*"' })
    .transform((given, context) => {
      try {
        return typeof given === 'string' ? parseOperators(given) : checkedOperators(given);
      } catch (error) {
        if (!(error instanceof ArgumentError)) throw error;
        context.addIssue({ code: 'custom', message: error.fix });
        return z.NEVER;
      }
    })
    .default([...DEFAULT_OPERATORS]);
}
