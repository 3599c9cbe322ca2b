#!/usr/bin/env node
import { open } from './door.ts';

await open('train');
