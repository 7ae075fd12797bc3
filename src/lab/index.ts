export { type DownOptions, labDown, removeOrphanedLabs } from './down.js';
export { type Lab, type LabHost, openLab } from './lab.js';
export type { LabProgress, OnProgress } from './progress.js';
export { type Feature, featureNames } from './recipe.js';
export { LabError, type Result } from './run.js';
export { type HostStatus, type LabStatus, labStatus } from './status.js';
export { labUp, type UpOptions } from './up.js';
export type { Capture } from './wire.js';
