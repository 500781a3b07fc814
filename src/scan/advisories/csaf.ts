import { compareRpm } from '../versions/rpm.ts';
import { type AdvisoryRecord, asList, asObject, asText, isCve, type Json, shortTitle, untilFixed } from './record.ts';

/** Deeper than any product tree; what points at itself ends. */
const MAX_DEPTH = 20;

interface Product {
  /** `enterprise_linux:8` of a platform. */
  platform: string | null;
  /** Of a package. */
  name: string | null;
  version: string | null;
}

/** A CSAF 2.0 document of Red Hat: an advisory, or a VEX file with what becomes of one CVE in each product. */
export function recordsOfCsaf(json: Json): AdvisoryRecord[] {
  const { document, product_tree, vulnerabilities } = asObject(json);
  const products = productsOf(product_tree);
  return asList(vulnerabilities).flatMap((entry) => {
    const vulnerability = asObject(entry);
    const cve = asText(vulnerability.cve);
    if (!isCve(cve)) return [];
    const title = shortTitle(asText(vulnerability.title) || asText(asObject(document).title));
    const scores = asList(vulnerability.scores).map((score) => asObject(asObject(score).cvss_v3).baseScore);
    const cvss = scores.find((score) => typeof score === 'number') ?? null;
    return statementsOf(asObject(vulnerability.product_status), products).map(({ ecosystem, name, ranges }) => ({
      id: cve,
      cves: [cve],
      ecosystem,
      name,
      ranges,
      versions: [],
      cvss: typeof cvss === 'number' ? cvss : null,
      title,
    }));
  });
}

type Statement = Pick<AdvisoryRecord, 'ecosystem' | 'name' | 'ranges'>;

/** One for each platform and package: a fix is more than "affected", and that is more than "not affected". */
function statementsOf(status: Readonly<Record<string, Json>>, products: ReadonlyMap<string, Product>): Statement[] {
  const statements = new Map<string, Statement>();
  const fixes = new Map<string, string>();
  for (const kind of ['known_not_affected', 'known_affected', 'fixed']) {
    for (const id of asList(status[kind])) {
      const { platform, name, version } = products.get(asText(id)) ?? NOTHING;
      if (platform === null || name === null) continue;
      const key = `${platform} ${name}`;
      const ecosystem = `Red Hat:${platform}`;
      if (kind === 'known_not_affected') statements.set(key, { ecosystem, name, ranges: [] });
      else if (kind === 'known_affected') statements.set(key, { ecosystem, name, ranges: [untilFixed(null)] });
      else if (version !== null) {
        // Of several streams of a package the oldest fix: a newer one is behind it in any case.
        const known = fixes.get(key);
        const fixed = known === undefined || compareRpm(version, known) < 0 ? version : known;
        fixes.set(key, fixed);
        statements.set(key, { ecosystem, name, ranges: [untilFixed(fixed)] });
      }
    }
  }
  return [...statements.values()];
}

const NOTHING: Product = { platform: null, name: null, version: null };

function productsOf(tree: Json): Map<string, Product> {
  const products = new Map<string, Product>();
  const { branches, relationships } = asObject(tree);
  const visit = (json: Json, depth: number): void => {
    const branch = asObject(json);
    const product = asObject(branch.product);
    const { cpe, purl } = asObject(product.product_identification_helper);
    const id = asText(product.product_id);
    if (id !== '') products.set(id, { platform: platformOf(asText(cpe)), ...packageOf(asText(purl)) });
    if (depth < MAX_DEPTH) for (const child of asList(branch.branches)) visit(child, depth + 1);
  };
  for (const branch of asList(branches)) visit(branch, 0);
  for (const entry of asList(relationships)) {
    const { product_reference, relates_to_product_reference, full_product_name } = asObject(entry);
    const found = products.get(asText(product_reference));
    const platform = products.get(asText(relates_to_product_reference))?.platform ?? null;
    const name = found?.name ?? nameOf(asText(product_reference));
    products.set(asText(asObject(full_product_name).product_id), { platform, name, version: found?.version ?? null });
  }
  return products;
}

/** `cpe:/a:redhat:enterprise_linux:8::appstream`. Other products have fixes of their own. */
const platformOf = (cpe: string): string | null => {
  const major = /^cpe:\/[ao]:redhat:enterprise_linux:(\d+)/.exec(cpe)?.[1];
  return major === undefined ? null : `enterprise_linux:${major}`;
};

/** `pkg:rpm/redhat/httpd@2.4.37-47.el8?arch=x86_64&epoch=0` */
function packageOf(purl: string): Pick<Product, 'name' | 'version'> {
  const match = /^pkg:rpm\/redhat\/([^@?]+)(?:@([^?]+))?(?:\?(.*))?$/.exec(purl);
  if (match === null) return { name: null, version: null };
  const [, name = '', version, qualifiers = ''] = match;
  const epoch = /(?:^|&)epoch=(\d+)/.exec(qualifiers)?.[1];
  const text = version === undefined ? null : decoded(version);
  return { name: decoded(name), version: text === null ? null : epoch === undefined ? text : `${epoch}:${text}` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Where a package has no version, its id is its name. */
const nameOf = (id: string): string | null => (/^[\w.+-]+$/.test(id) ? id : null);
