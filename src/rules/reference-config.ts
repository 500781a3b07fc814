import { type ListProblem, listLines } from './list-file.ts';

/** Reads Suricata's `reference.config`: lines of `config reference: type prefix`. Types are kept in lower case. */
export function parseReferences(text: string): {
  readonly references: ReadonlyMap<string, string>;
  readonly problems: readonly ListProblem[];
} {
  const references = new Map<string, string>();
  const problems: ListProblem[] = [];
  for (const { line, text: entry } of listLines(text)) {
    const match = /^config\s+reference\s*:\s*([A-Za-z][\w-]*)\s+(\S+)$/.exec(entry);
    if (match === null) {
      problems.push({ line, message: 'expected "config reference: type prefix"' });
    } else if (references.has(match[1]!.toLowerCase())) {
      problems.push({ line, message: `reference type ${match[1]} is there twice: the first one counts` });
    } else {
      references.set(match[1]!.toLowerCase(), match[2]!);
    }
  }
  return { references, problems };
}

/** The types of Suricata's stock reference.config. */
export const DEFAULT_REFERENCES: ReadonlyMap<string, string> = new Map([
  ['bugtraq', 'http://www.securityfocus.com/bid/'],
  ['bid', 'http://www.securityfocus.com/bid/'],
  ['cve', 'http://cve.mitre.org/cgi-bin/cvename.cgi?name='],
  ['secunia', 'http://www.secunia.com/advisories/'],
  ['arachnids', 'http://www.whitehats.com/info/IDS'],
  ['mcafee', 'http://vil.nai.com/vil/content/v_'],
  ['nessus', 'http://cgi.nessus.org/plugins/dump.php3?id='],
  ['url', 'http://'],
  ['et', 'http://doc.emergingthreats.net/'],
  ['etpro', 'http://doc.emergingthreatspro.com/'],
  ['telus', 'http://'],
  ['osvdb', 'http://osvdb.org/show/osvdb/'],
  ['threatexpert', 'http://www.threatexpert.com/report.aspx?md5='],
  ['md5', 'http://www.threatexpert.com/report.aspx?md5='],
  ['exploitdb', 'http://www.exploit-db.com/exploits/'],
  ['openpacket', 'https://www.openpacket.org/capture/grab/'],
  ['securitytracker', 'http://securitytracker.com/id?'],
  ['xforce', 'http://xforce.iss.net/xforce/xfdb/'],
  ['msft', 'http://technet.microsoft.com/security/bulletin/'],
]);
