export { openJobs } from './open-jobs.js'
export type { JobsOptions } from './jobs-options.js'
export {
  jobKind,
  type BackoffOptions,
  type JobContext,
  type JobKind,
  type JobKindOptions,
  type OutputOptions,
} from './job-kind.js'
export type {
  CancelOptions,
  Jobs,
  JobsHealth,
  OpenJobs,
  ListOptions,
  OfTenant,
  WaitOptions,
  WatchOptions,
} from './jobs.js'
export { jobsOfTenant, lineageOfTenant } from './of-tenant.js'
export type { SubmitOptions } from './submission.js'
export { outputOf } from './output-of.js'
export {
  type Job,
  type JobError,
  type JobEvent,
  type JobEventBody,
  type JobPage,
  type JobProgress,
  type JobState,
  jobStates,
} from './job.js'
export type { JobCost, JobModel, JobUsage } from './job-model.js'
export type { Price, Prices } from './cost.js'
export type { Artifact } from './lineage/artifact.js'
export {
  type ArtifactListOptions,
  type ArtifactPage,
  type Lineage,
  type LineageOptions,
  type LineageTree,
  openLineage,
  type TreeOptions,
  type UploadOptions,
} from './lineage/lineage.js'
export type { LineageNode } from './lineage/tree.js'
