import { z } from 'zod';
import { SCAN_PRESETS, type ScanPreset } from '../config/config.ts';
import { affectedSchema } from './affected.ts';

/** Types of software; an owner switches patches on and off by them. */
export const APPLICATIONS = [
  'application-server',
  'ci-server',
  'cms-plugin',
  'data-store',
  'developer-tool',
  'dns-server',
  'file-server',
  'java-library',
  'mail-server',
  'management-interface',
  'message-broker',
  'print-server',
  'remote-access',
  'script-interpreter',
  'time-server',
  'tls-library',
  'web-application',
  'web-framework',
  'web-server',
] as const;

export const PRESETS = SCAN_PRESETS;
export type Preset = ScanPreset;

const sentence = z.string({ error: 'expected a text' }).min(1, 'expected a text');
const sentences = z.array(sentence, { error: 'expected a list of texts' }).min(1, 'expected at least one');

/** The keys of `signatures/<application>/cve-YYYY-NNNN.yaml`; docs/patches.md says what each means. */
export const descriptionSchema = z.strictObject({
  title: sentence,
  cves: z.array(z.string().regex(/^CVE-\d{4}-\d{4,}$/, 'expected a CVE id such as CVE-2021-44228')).min(1),
  cvss: z.number({ error: 'expected a score from 0 to 10' }).min(0).max(10),
  exploited: z.boolean({ error: 'expected true or false' }),
  application: z.enum(APPLICATIONS, { error: `expected one of ${APPLICATIONS.join(', ')}` }),
  summary: sentence,
  covers: sentences,
  not_covered: sentences,
  /** Why a person has to decide on this patch: it is recommended, and never applied by itself. */
  decision: sentence.optional(),
  affected: z.array(affectedSchema, { error: 'expected a list of packages' }).min(1, 'expected at least one package'),
  presets: z.array(z.enum(PRESETS, { error: `expected some of ${PRESETS.join(', ')}` })).min(1),
  references: z.array(z.url({ protocol: /^https$/, error: 'expected an address that begins with https://' })).min(1),
});

export type PatchDescription = z.output<typeof descriptionSchema>;
