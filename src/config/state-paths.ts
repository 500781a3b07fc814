import { join } from 'node:path';

// What lies where below `state.folder`.

export const exceptionsFile = (stateFolder: string): string => join(stateFolder, 'exceptions.json');

/** What `vpatch rules update` fetched. */
export const fetchedRulesFolder = (stateFolder: string): string => join(stateFolder, 'rules');

/** A link to what was fetched last and is sound. */
export const liveRulesFolder = (stateFolder: string): string => join(fetchedRulesFolder(stateFolder), 'current');

export const policyFolder = (stateFolder: string): string => join(stateFolder, 'policy');

/** The rules that the scan has assigned. */
export const policyRulesFile = (stateFolder: string): string => join(policyFolder(stateFolder), 'current.rules');

/** What rules have matched that are held. */
export const heldFile = (stateFolder: string): string => join(policyFolder(stateFolder), 'held.json');

export const advisoriesFolder = (stateFolder: string): string => join(stateFolder, 'advisories');

/** Sets of values that rules fill. */
export const datasetsFolder = (stateFolder: string): string => join(stateFolder, 'datasets');

/** What is known of earlier scans. */
export const scansFolder = (stateFolder: string): string => join(stateFolder, 'scans');

/** Alerts and drops, as `vpatch events` shows them. */
export const historyFile = (stateFolder: string): string => join(stateFolder, 'history.db');
