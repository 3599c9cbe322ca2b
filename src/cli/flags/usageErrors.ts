/** Words the errors of commander, with the fix. */
import type { Command, CommanderError } from 'commander';
import { shownValue } from '../../base/arguments.ts';
import { inCamelCase, meant } from '../../base/optionNames.ts';
import { BadOptionError, flagOf } from '../../base/options.ts';
import { tasksWithOption } from '../../tasks/builtIn.ts';

/** The flag that turns a switch off: `--no_curriculum`. */
export const offFlagOf = (key: string): string => `--no_${flagOf(key).slice(2)}`;

const UNKNOWN_OPTION = /^error: unknown option '(.*?)(?:=(.*))?'(?:\n|$)/s;

/**
 * The error of a command whose options are these, with a fix where there is a better one than --help.
 * @param switches the options without a value, of `keys`.
 */
export function explained(
  error: CommanderError,
  command: Command,
  keys: readonly string[],
  switches: readonly string[],
): Error {
  if (error.code === 'commander.excessArguments') return excessOperand(command, switches);
  const [, name, value] = UNKNOWN_OPTION.exec(error.message) ?? [];
  if (name === undefined) return error;
  const key = switches.find((each) => [flagOf(each), offFlagOf(each)].includes(name));
  if (key !== undefined && value !== undefined) {
    const fix = `give ${flagOf(key)} to turn it on, ${offFlagOf(key)} to turn it off`;
    return new BadOptionError(name, `${name} takes no value, but is given ${shownValue(value)}`, fix);
  }
  const fix =
    ownerOf(name, keys) ??
    placeOf(name, command) ??
    meantOff(name, switches) ??
    meant(name, keys, flagOf) ??
    'see --help';
  return new BadOptionError(name, `unknown option '${name}'`, fix);
}

/** Find the command that has a flag which this one lacks: a subcommand, or one beside it. */
function placeOf(name: string, command: Command): string | undefined {
  const others = [...command.commands, ...(command.parent?.commands ?? [])];
  const owners = others.filter(({ options }) => options.some(({ long }) => long === name));
  if (owners.length === 0) return undefined;
  return `it is a flag of ${owners.map((owner) => owner.name()).join(' and of ')}: give it behind that`;
}

/**
 * Say which task has an option; undefined for an option of none, and of a command that is on no task.
 * @param keys the options of the command.
 */
export function ownerOf(name: string, keys: readonly string[]): string | undefined {
  if (!keys.includes('task')) return undefined;
  const owners = tasksWithOption(inCamelCase(name), 'other');
  return owners.length === 0
    ? undefined
    : `it is an option of the task ${owners.join(' and of ')}: give --task ${owners[0]}, or leave it out`;
}

/** Suggest a switch for a `--no_…` that does not exist. */
function meantOff(name: string, switches: readonly string[]): string | undefined {
  return name.startsWith('--no_') ? meant(name.slice('--no_'.length), switches, offFlagOf) : undefined;
}

function excessOperand(command: Command, switches: readonly string[]): BadOptionError {
  const operand = command.args[command.registeredArguments.length] ?? '';
  const given = Object.keys(command.opts()).map((name) => `--${name}`);
  const flags = switches.filter((key) => given.includes(flagOf(key)));
  const notes = flags.map((key) => `${flagOf(key)} (${offFlagOf(key)} turns it off)`);
  const fix = notes.length === 0 ? 'leave it out' : `leave it out: no value belongs to ${notes.join(', ')}`;
  return new BadOptionError(command.name(), `nothing takes the operand ${shownValue(operand)}`, fix);
}
