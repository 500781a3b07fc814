import { join } from 'node:path';

/** The rules that the scan has assigned, below the state folder. */
export const policyRulesFile = (stateFolder: string): string => join(stateFolder, 'policy', 'current.rules');
