#!/usr/bin/env node
/** `train.ts`: trains a model. Its command line is in `trainProgram.ts`; under `tsx` that runs in a supervised process. */
import { superviseUnderTsx } from './supervisor.ts';

// Loaded here and not at the top: the supervisor stays small, and answers signals from its first moments.
if (!(await superviseUnderTsx())) await import('./trainProgram.ts');
