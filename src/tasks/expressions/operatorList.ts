/** The field of an option that is a list of operators. */
import { z } from 'zod';
import { ArgumentError } from '../../base/arguments.ts';
import { type Operator, parseOperators } from './operators.ts';

/**
 * Make the field: a list of operators, or a text such as `+,-,max`.
 * @param allowed the operators that may be given. @param standard the default.
 */
export function operatorList(allowed: readonly Operator[], standard: readonly Operator[]) {
  return z
    .union([z.string(), z.array(z.string())], { error: 'give a list such as "+,-,*"' })
    .transform((given, context) => {
      try {
        return parseOperators(given, allowed);
      } catch (error) {
        if (!(error instanceof ArgumentError)) throw error;
        context.addIssue({ code: 'custom', message: error.fix });
        return z.NEVER;
      }
    })
    .default([...standard]);
}
