/** The commands by name, and how one is run. Each is loaded when it is called: none waits for what it does not need. */
import { Command, type CommanderError } from 'commander';
import { meant } from '../base/optionNames.ts';
import { BadOptionError } from '../base/options.ts';
import { versions } from '../runs/provenance.ts';
import { runCommand, throwing } from './failure.ts';
import { withOperandsLast, withUnderscores } from './flags/flags.ts';

const BUILDERS = {
  train: async (argv) => (await import('./commands/train.ts')).trainCommand(argv),
  pretrain: async (argv) => (await import('./commands/pretrain.ts')).pretrainCommand(argv),
  grpo: async (argv) => (await import('./commands/grpo.ts')).grpoCommand(argv),
  resume: async () => (await import('./commands/resume.ts')).resumeCommand(),
  evaluate: async (argv) => (await import('./commands/evaluate.ts')).evaluateCommand(argv),
  generate: async (argv) => (await import('./commands/generate.ts')).generateCommand(argv),
  export: async (argv) => (await import('./commands/export.ts')).exportCommand(argv),
  inspect: async () => (await import('./commands/inspect.ts')).inspectCommand(),
  tune: async () => (await import('./commands/tune.ts')).tuneCommand(),
  dashboard: async () => (await import('./commands/dashboard.ts')).dashboardCommand(),
  compare: async () => (await import('./commands/compare.ts')).compareCommand(),
  report: async () => (await import('./commands/report.ts')).reportCommand(),
  cluster: async () => (await import('./commands/cluster.ts')).clusterCommand(),
  worker: async () => (await import('./commands/worker.ts')).workerCommand(),
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand(),
} as const satisfies Readonly<Record<string, (argv: readonly string[]) => Promise<Command>>>;

/** The names of all commands. */
export type CommandName = keyof typeof BUILDERS;

const NAMES = Object.keys(BUILDERS);

/** Tell whether a word names a command. */
export const isCommandName = (word: string): word is CommandName => Object.hasOwn(BUILDERS, word);

/** Run one command and end the process. @param argv holds the words behind the command's name. */
export async function runNamed(name: CommandName, argv: readonly string[]): Promise<never> {
  const words = withUnderscores(argv);
  const command = await BUILDERS[name](words);
  return runCommand(command, wordsFor(command, words));
}

/** Run `mathformer <command> …` and end the process. @param argv holds the words behind `mathformer`. */
export async function runMathformer(argv: readonly string[]): Promise<never> {
  const [word, ...rest] = argv;
  if (word === 'help') return runMathformer([...rest.slice(0, 1), '--help']);
  const program = throwing(new Command('mathformer'))
    .description('Trains small transformers with GRPO, and looks at them.')
    .usage('<command> [options]')
    .version(versions().mathformer)
    .action(() => {
      throw new BadOptionError(
        'command',
        'no command is given',
        `give one of ${NAMES.join(', ')}; see --help`,
      );
    });
  if (word !== undefined && isCommandName(word)) {
    const words = withUnderscores(rest);
    const command = await BUILDERS[word](words);
    program.addCommand(command);
    return runCommand(command, wordsFor(command, words));
  }
  if (word !== undefined && !word.startsWith('-'))
    return runCommand(
      program
        .helpOption(false)
        .allowUnknownOption()
        .allowExcessArguments()
        .action(() => unknown(word)),
      argv,
    );
  program.exitOverride((error) => {
    throw flagsFirst(error, argv) ?? error;
  });
  for (const build of Object.values(BUILDERS)) program.addCommand(await build([]));
  return runCommand(program, argv);
}

/** Return the error for flags that stand before their command; undefined for any other mistake. */
function flagsFirst({ code }: CommanderError, argv: readonly string[]): BadOptionError | undefined {
  const at = argv.findIndex(isCommandName);
  const [flag = ''] = argv;
  if (code !== 'commander.unknownOption' || at < 0) return undefined;
  const name = argv[at] ?? '';
  return new BadOptionError(
    flag,
    `unknown option '${flag}' before the command ${name}`,
    `write ${name} first`,
  );
}

/** @throws BadOptionError for a word that names no command. */
function unknown(word: string): never {
  const fix = meant(word, NAMES, (name) => name) ?? `give one of ${NAMES.join(', ')}`;
  throw new BadOptionError('command', `there is no command '${word}'`, fix);
}

/** Operands may begin with a minus (`-5+3`) unless the command has subcommands, whose flags follow their name. */
function wordsFor(command: Command, words: readonly string[]): readonly string[] {
  return command.commands.length === 0 ? withOperandsLast(words, command) : words;
}
