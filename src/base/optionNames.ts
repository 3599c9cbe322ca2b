/**
 * Finds the option that somebody meant who gave a name that is none: the field's other names (TRL, verl, transformers,
 * PyTorch), other spellings, and typing errors.
 */
import { distance } from 'fastest-levenshtein';

/** A name that is no option, and what is near it. */
export interface OtherName {
  /** Names in other libraries, in snake_case. */
  readonly names: readonly string[];
  /** Our options for it, the likeliest first; the first that a command has is meant. */
  readonly ours: readonly string[];
  /** A difference to know before using ours. */
  readonly note?: string;
}

/** Names of TRL 1.x (GRPOConfig), transformers (TrainingArguments, GenerationConfig), verl and PyTorch. */
export const OTHER_NAMES: readonly OtherName[] = [
  { names: ['learning_rate', 'learningrate', 'actor_lr', 'optim_lr'], ours: ['lr'] },
  { names: ['min_learning_rate', 'eta_min', 'min_lr_ratio'], ours: ['minLr'] },
  { names: ['num_generations', 'num_rollouts', 'rollout_n', 'n_samples_per_prompt'], ours: ['groupSize'] },
  { names: ['num_return_sequences', 'n', 'num_generations_eval'], ours: ['numSamples', 'groupSize'] },
  { names: ['beta', 'kl_loss_coef', 'init_kl_coef', 'kl_beta'], ours: ['klCoef'] },
  { names: ['kl_loss_type', 'kl_penalty', 'kl_type'], ours: ['klEstimator'] },
  { names: ['target_kl', 'kl_ctrl_target'], ours: ['klTarget'] },
  { names: ['horizon', 'kl_ctrl_horizon'], ours: ['klHorizon'] },
  {
    names: ['max_completion_length', 'max_response_length', 'response_length', 'max_length'],
    ours: ['maxNewTokens'],
  },
  {
    names: ['max_tokens', 'max_gen_length', 'max_gen_tokens', 'max_new'],
    ours: ['maxNewTokens'],
  },
  {
    names: ['per_device_train_batch_size', 'train_batch_size', 'batch', 'bs', 'generation_batch_size'],
    ours: ['batchSize'],
    note: 'it counts problems, not completions',
  },
  {
    names: ['per_device_eval_batch_size', 'eval_batch_size'],
    ours: [],
    note: 'evaluation batches are fixed',
  },
  { names: ['max_steps', 'total_training_steps', 'num_steps', 'iterations'], ours: ['steps'] },
  { names: ['num_train_epochs', 'num_epochs', 'total_epochs', 'max_epochs'], ours: ['steps'] },
  { names: ['num_iterations', 'ppo_epochs', 'num_ppo_epochs', 'mu'], ours: ['epochs'] },
  {
    names: ['steps_per_generation', 'num_mini_batches', 'ppo_mini_batch_size', 'mini_batch_size'],
    ours: ['miniBatches'],
    note: 'it counts mini-batches',
  },
  {
    names: ['gradient_accumulation_steps', 'ppo_micro_batch_size_per_gpu', 'micro_batch_size'],
    ours: ['microBatchTokens'],
    note: 'it counts tokens',
  },
  { names: ['epsilon', 'cliprange', 'clip_range', 'clip_ratio_low', 'clip_eps'], ours: ['clipRatio'] },
  { names: ['epsilon_high', 'clip_eps_high', 'cliprange_high'], ours: ['clipRatioHigh'] },
  { names: ['delta', 'clip_ratio_c'], ours: ['dualClip'] },
  { names: ['max_grad_norm', 'grad_norm', 'gradient_clip_val', 'clip_grad'], ours: ['gradClip'] },
  {
    names: ['warmup_steps', 'num_warmup_steps', 'lr_warmup_steps', 'warmup'],
    ours: ['warmupRatio'],
    note: 'it is a share of the steps',
  },
  { names: ['lr_warmup_steps_ratio'], ours: ['warmupRatio'] },
  { names: ['lr_scheduler_type', 'lr_scheduler', 'warmup_style', 'schedule'], ours: ['scheduler'] },
  { names: ['output_dir', 'default_local_dir', 'logging_dir', 'save_dir', 'run_name'], ours: ['out'] },
  { names: ['loss_type', 'loss_mode', 'policy_loss', 'loss_agg_mode'], ours: ['loss'] },
  { names: ['scale_rewards', 'norm_adv_by_std_in_grpo', 'adv_estimator'], ours: ['advantages'] },
  { names: ['reward_funcs', 'reward_function', 'rewards', 'reward_fn'], ours: ['reward'] },
  { names: ['reward_weights'], ours: ['reward'], note: 'a weight follows its reward: format:0.2' },
  { names: ['reward_model', 'reward_model_path'], ours: ['reward'], note: 'it takes modules' },
  {
    names: ['logging_steps', 'logging_strategy', 'log_freq', 'log_every'],
    ours: [],
    note: 'every step is logged',
  },
  { names: ['save_steps', 'save_freq', 'save_every', 'save_strategy'], ours: ['saveInterval'] },
  { names: ['save_total_limit', 'max_actor_ckpt_to_keep'], ours: ['keepLast'] },
  {
    names: ['eval_steps', 'eval_every', 'test_freq', 'eval_strategy', 'evaluation_strategy'],
    ours: ['evalInterval', 'stepEval'],
  },
  { names: ['max_eval_samples', 'num_eval_samples', 'eval_samples', 'limit'], ours: ['evalSize'] },
  { names: ['eval_dataset', 'eval_file', 'test_file', 'val_files'], ours: ['evalSet'] },
  {
    names: ['model_name_or_path', 'model', 'model_path', 'pretrained', 'ckpt', 'load'],
    ours: ['checkpoint', 'modelsize'],
  },
  {
    names: ['resume_from_checkpoint', 'resume'],
    ours: [],
    note: 'a run is resumed by the command train resume',
  },
  { names: ['dataset_name', 'dataset', 'train_files', 'env', 'environment'], ours: ['task'] },
  { names: ['report_to', 'logger', 'use_tensorboard'], ours: ['tensorboard'] },
  { names: ['mask_truncated_completions', 'overlong_filtering'], ours: ['maskTruncated'] },
  { names: ['overlong_buffer_len', 'soft_overlong_length'], ours: ['overlongBuffer'] },
  { names: ['overlong_penalty_factor'], ours: ['overlongPenalty'] },
  { names: ['ref_model_sync_steps', 'sync_ref_model', 'ref_model_mixup_alpha'], ours: ['refSyncSteps'] },
  { names: ['entropy_coeff', 'ent_coef', 'entropy_coefficient', 'entropy_bonus'], ours: ['entropyCoef'] },
  {
    names: ['filter_groups', 'filter_zero_std_groups', 'filter_overlong_prompts'],
    ours: ['dynamicSampling'],
  },
  { names: ['aux_loss_coef', 'router_aux_loss_coef', 'moe_aux_loss_coef'], ours: ['loadBalanceCoef'] },
  { names: ['num_local_experts', 'n_experts'], ours: ['numExperts'] },
  { names: ['num_experts_per_tok', 'moe_top_k', 'experts_per_token'], ours: ['activeExperts'] },
  {
    names: ['train_samples', 'dataset_size', 'num_train_samples', 'max_train_samples'],
    ours: ['numExamples'],
  },
  { names: ['wd', 'l2'], ours: ['weightDecay'] },
  { names: ['dropout_p', 'disable_dropout', 'dropout_rate'], ours: ['dropout'] },
  { names: ['bf16', 'fp16', 'tf32', 'mixed_precision', 'precision'], ours: ['matmulPrecision'] },
  { names: ['device', 'use_cpu', 'no_cuda', 'cuda'], ours: ['adapter'] },
  { names: ['do_sample'], ours: ['greedy'] },
  { names: ['random_seed', 'data_seed', 'manual_seed'], ours: ['seed'] },
  { names: ['temp'], ours: ['temperature'] },
  {
    names: ['num_processes', 'num_workers', 'dataloader_num_workers', 'workers'],
    ours: ['generationProcesses'],
  },
  { names: ['max_prompt_length'], ours: [], note: 'prompts are never cut' },
  { names: ['disable_tqdm', 'silent'], ours: ['quiet'] },
  { names: ['verbose'], ours: ['debug'] },
  // Of the engine's functions: PyTorch and NumPy.
  { names: ['dim', 'dims'], ours: ['axis', 'axes'] },
  { names: ['axis'], ours: ['axes'], note: 'it is a list: [0]' },
  { names: ['axes'], ours: ['axis'], note: 'it is one number' },
  { names: ['keepdim', 'keepdims', 'keep_dim'], ours: ['keepDims'] },
  { names: ['is_causal'], ours: ['causal'] },
  { names: ['attn_mask', 'attention_mask'], ours: ['mask'] },
  { names: ['alibi', 'slopes'], ours: ['alibiSlopes'] },
  { names: ['unbiased', 'ddof'], ours: ['correction'], note: 'the variance divides by n − correction' },
  { names: ['betas'], ours: ['beta1', 'beta2'] },
  { names: ['argnums'], ours: ['inputs'] },
  { names: ['clip_norm', 'max_norm'], ours: ['gradClip'] },
  { names: ['size'], ours: ['shape'] },
  { names: ['type'], ours: ['dtype'] },
  { names: ['power_preference', 'backend'], ours: ['adapter'] },
];

const BY_NAME = new Map(OTHER_NAMES.flatMap((row) => row.names.map((name) => [name, row] as const)));

/** Mistyped letters of a name that is still understood. */
const MAX_DISTANCE = 3;
/** Share of a name that has to be right. */
const MIN_SIMILARITY = 0.6;

/**
 * Says what was probably meant by a name that is none of the known ones: `did you mean --lr?`. Undefined if nothing
 * comes near.
 * @param name as it was given: `--learning-rate`, `learning_rate` or `learningRate`.
 * @param known our options, in camelCase.
 * @param spelt how ours are written where the name was given.
 */
export function meant(
  name: string,
  known: readonly string[],
  spelt: (key: string) => string,
): string | undefined {
  const camel = inCamelCase(name);
  if (known.includes(camel)) return `write ${spelt(camel)}`;
  const other = BY_NAME.get(inSnakeCase(camel));
  const ours = other?.ours.find((key) => known.includes(key));
  if (ours !== undefined) return `did you mean ${spelt(ours)}?${other?.note ? ` (${other.note})` : ''}`;
  if (other?.note !== undefined && other.ours.length === 0) return `leave it out: ${other.note}`;
  const near = nearest(camel, known).map(spelt);
  return near.length === 0 ? undefined : `did you mean ${near.join(' or ')}?`;
}

/** The known names with the fewest letters to change, if those are few. */
function nearest(name: string, known: readonly string[]): string[] {
  const scored = known.map((key) => ({ key, letters: distance(name.toLowerCase(), key.toLowerCase()) }));
  const close = scored.filter(({ key, letters }) => {
    const length = Math.max(name.length, key.length);
    return letters <= MAX_DISTANCE && (length - letters) / length >= MIN_SIMILARITY;
  });
  const least = Math.min(...close.map(({ letters }) => letters));
  return close.filter(({ letters }) => letters === least).map(({ key }) => key);
}

/** `--batch-size`, `batch_size` and `batchSize` are `batchSize`. */
export function inCamelCase(name: string): string {
  return name.replace(/^-+/, '').replace(/[_-]+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());
}

function inSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
