#!/usr/bin/env node
/** `mathformer <command>`: all commands in one. */
import { openNamed } from './door.ts';

await openNamed();
