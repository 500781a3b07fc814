import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readCatalogue } from '../../src/patches/catalogue.ts';
import { offersOf } from '../../src/patches/offer.ts';
import type { AdvisorySource } from '../../src/scan/advisory.ts';
import { RootFs } from '../../src/scan/root-fs.ts';
import { type Knowledge, type ScanResult, scan } from '../../src/scan/scan.ts';
import { FakeRoot, mavenJar, pom, zipOf } from './fake-root.ts';

// As they are when this is written: what is added later must not change what is found here.
const patches = readCatalogue('signatures').patches.filter(
  ({ software, id }) =>
    ['log4j', 'redis', 'memcached', 'drupal', 'spring', 'struts', 'gitlab', 'jenkins', 'apache-httpd', 'php'].includes(
      software,
    ) &&
    [
      'cve-2021-44228',
      'cve-2022-0543',
      'cve-2018-1000115',
      'cve-2018-7600',
      'cve-2022-22965',
      'cve-2017-5638',
      'cve-2021-22205',
      'cve-2024-23897',
      'cve-2021-41773',
      'cve-2019-11043',
    ].includes(id),
);

const offers = offersOf(patches, []);

let root: FakeRoot;
beforeEach(() => {
  root = new FakeRoot();
});
afterEach(() => root.remove());

const NOTHING: AdvisorySource = { about: () => [], isComplete: () => false };
const knowing = (advisories: AdvisorySource): Knowledge => ({
  advisories: () => Promise.resolve(advisories),
  enrichments: () => Promise.resolve(new Map()),
});
const scanned = (advisories = NOTHING): Promise<ScanResult> =>
  scan(new RootFs(root.path), { patches, offers, preset: 'balanced', knowledge: knowing(advisories), nowMs: Date.now });

/** `CVE package version place` of every finding, and `?` behind those that nobody has confirmed. */
const found = ({ findings }: ScanResult): string[] =>
  findings
    .map(
      ({ cves, component, isConfirmed }) =>
        `${cves[0]} ${component.name} ${component.version} ${component.path ?? '-'}${isConfirmed ? '' : ' ?'}`,
    )
    .sort();

describe('packages of a distribution', () => {
  test('an old Redis of Debian 11 is vulnerable, by the version of its source', async () => {
    root.debian(11).dpkg({ Package: 'redis-server', Source: 'redis (5:6.0.15-1)', Version: '5:6.0.15-1+b2' });
    const result = await scanned();
    expect(found(result)).toEqual(['CVE-2022-0543 redis 5:6.0.15-1 -']);
    expect(result.findings[0]).toMatchObject({
      fixed: '5:6.0.16-1+deb11u2',
      component: { ecosystem: 'Debian:11', from: ['redis-server'] },
      patches: ['cve-2022-0543'],
      exposure: { state: 'unknown' },
    });
    expect(result.recommendations).toMatchObject([{ offer: { id: 'cve-2022-0543' }, decision: null }]);
  });

  test.each([
    ['mended under its old number', '5:6.0.16-1+deb11u2', 'install ok installed'],
    ['newer', '5:7.0.0-1', 'install ok installed'],
    ['removed', '5:6.0.15-1', 'deinstall ok config-files'],
  ])('one that is %s is not', async (_, version, status) => {
    root.debian(11).dpkg({ Package: 'redis-server', Source: 'redis', Version: version, Status: status });
    expect(found(await scanned())).toEqual([]);
  });

  test('another release has other versions', async () => {
    root.debian(10).dpkg({ Package: 'redis-server', Source: 'redis', Version: '5:5.0.14-1+deb10u2' });
    expect(found(await scanned())).toEqual([]);
  });

  test('the old number of a package of which the distribution says nothing is only a hint', async () => {
    root.debian(7).dpkg({ Package: 'memcached', Version: '1.4.13-0.2+deb7u3' });
    const result = await scanned();
    expect(found(result)).toEqual(['CVE-2018-1000115 memcached 1.4.13-0.2+deb7u3 - ?']);
    expect(result.recommendations[0]!.decision).toContain('the distribution may have mended it');
  });

  test('Ubuntu, Alpine and images without dpkg have their own files', async () => {
    root
      .file('etc/os-release', 'ID=ubuntu\nVERSION_ID="20.04"\nVERSION="20.04.6 LTS (Focal Fossa)"\n')
      .file('var/lib/dpkg/status.d/redis', 'Package: redis\nVersion: 5:5.0.7-2\n');
    expect(found(await scanned())).toEqual(['CVE-2022-0543 redis 5:5.0.7-2 -']);
  });

  test("another maker packages under upstream's numbers", async () => {
    root.debian(12).dpkg({ Package: 'jenkins', Version: '2.426.2', Maintainer: 'Jenkins <x@jenkins-ci.org>' });
    root.dpkg({ Package: 'gitlab-ee', Version: '13.8.7-ee.0', Maintainer: 'GitLab, Inc. <support@gitlab.com>' });
    expect(found(await scanned())).toEqual(['CVE-2021-22205 gitlab-ee 13.8.7-ee.0 -']);
  });
});

describe('software without a package manager', () => {
  test('Log4j is found in a war, and the mended one beside it is not', async () => {
    const old = mavenJar('org.apache.logging.log4j', 'log4j-core', '2.14.1');
    const mended = mavenJar('org.apache.logging.log4j', 'log4j-core', '2.17.1');
    root
      .debian(12)
      .file('srv/shop/shop.war', zipOf([{ name: 'WEB-INF/lib/log4j-core-2.14.1.jar', content: old }]))
      .file('srv/shop/lib/log4j-core-2.17.1.jar', mended)
      .file(
        'opt/fat.jar',
        zipOf([pom('com.example', 'fat', '1.0'), pom('org.apache.logging.log4j', 'log4j-core', '2.11.0')]),
      )
      .file(
        'srv/unpacked/META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties',
        String(pom('org.apache.logging.log4j', 'log4j-core', '2.8.2').content),
      )
      .file('srv/renamed/log4j-core-2.10.0.jar', zipOf([{ name: 'META-INF/MANIFEST.MF', content: '' }]));
    expect(found(await scanned())).toEqual([
      'CVE-2021-44228 org.apache.logging.log4j:log4j-core 2.10.0 /srv/renamed/log4j-core-2.10.0.jar',
      'CVE-2021-44228 org.apache.logging.log4j:log4j-core 2.11.0 /opt/fat.jar',
      'CVE-2021-44228 org.apache.logging.log4j:log4j-core 2.14.1 /srv/shop/shop.war!WEB-INF/lib/log4j-core-2.14.1.jar',
      'CVE-2021-44228 org.apache.logging.log4j:log4j-core 2.8.2 /srv/unpacked/META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties',
    ]);
  });

  test('a jar from which the class was removed is mended', async () => {
    const lookup = (name: string) => ({ name: `org/apache/logging/log4j/core/lookup/${name}.class`, content: '' });
    const jar = (...names: string[]) => mavenJar('org.apache.logging.log4j', 'log4j-core', '2.14.1', names.map(lookup));
    root.file('srv/a.jar', jar('EnvironmentLookup')).file('srv/b.jar', jar('EnvironmentLookup', 'JndiLookup'));
    expect(found(await scanned())).toEqual(['CVE-2021-44228 org.apache.logging.log4j:log4j-core 2.14.1 /srv/b.jar']);
  });

  test('the package that a jar belongs to speaks for it', async () => {
    const jar = mavenJar('org.apache.logging.log4j', 'log4j-core', '2.13.3');
    const files = ['/usr/share/java', '/usr/share/java/log4j-core.jar'];
    root.debian(11).file('usr/share/java/log4j-core.jar', jar);
    root.dpkg({ Package: 'liblog4j2-java', Source: 'apache-log4j2', Version: '2.16.0-1~deb11u1' }, files);
    expect(found(await scanned())).toEqual([]);
  });

  test('and where it is old, the package is what is found', async () => {
    const jar = mavenJar('org.apache.logging.log4j', 'log4j-core', '2.13.3');
    root.debian(11).file('usr/share/java/log4j-core.jar', jar);
    root.dpkg({ Package: 'liblog4j2-java', Source: 'apache-log4j2', Version: '2.13.3-1' }, [
      '/usr/share/java/log4j-core.jar',
    ]);
    expect(found(await scanned())).toEqual(['CVE-2021-44228 apache-log4j2 2.13.3-1 -']);
  });

  test('web applications, Composer and servers in /usr/local tell their versions', async () => {
    const installed = {
      packages: [
        { name: 'drupal/core', version: '8.5.1' },
        { name: 'twig/twig', version: 'v1.35.0' },
      ],
    };
    const elf = (text: string): Buffer => Buffer.from(`\x7fELF${'\0'.repeat(3000)}${text}\0`, 'latin1');
    root
      .file('var/www/old/includes/bootstrap.inc', "<?php\ndefine('VERSION', '7.57');\nfunction drupal_get() {}\n")
      .file('var/www/new/core/lib/Drupal.php', "<?php class Drupal {\n  const VERSION = '8.5.0';\n}\n")
      .file('var/www/composer/vendor/composer/installed.json', JSON.stringify(installed))
      .file('srv/gitlab/VERSION', '13.9.5\n')
      .program('usr/local/apache2/bin/httpd', elf('Apache/2.4.49 (Unix)'))
      .program('usr/local/sbin/php-fpm', elf('X-Powered-By: PHP/7.3.11'));
    expect(found(await scanned())).toEqual([
      'CVE-2018-7600 drupal/core 7.57 /var/www/old/includes/bootstrap.inc',
      'CVE-2018-7600 drupal/core 8.5.0 /var/www/new/core/lib/Drupal.php',
      'CVE-2021-22205 gitlab 13.9.5 /srv/gitlab/VERSION',
      'CVE-2021-41773 apache 2.4.49 /usr/local/apache2/bin/httpd',
    ]);
  });

  test('a weakness without a patch is a gap', async () => {
    root
      .file('app/node_modules/lodash/package.json', '{"name":"lodash","version":"4.17.20"}')
      .file('app/node_modules/@scope/thing/package.json', '{"name":"@scope/thing","version":"1.0.0"}')
      .file('usr/lib/python3/dist-packages/Django-3.2.dist-info/METADATA', 'Name: Django\nVersion: 3.2\n\nVersion: 9\n')
      .file('usr/share/gems/specifications/rails-6.1.0.gemspec', '');
    const about = (family: string, name: string) =>
      [
        ['npm', 'lodash', '4.17.21', 'CVE-2021-23337'],
        ['PyPI', 'django', '3.2.1', 'CVE-2021-31542'],
        ['RubyGems', 'rails', '6.1.0', 'CVE-2021-22885'],
      ]
        .filter(([ecosystem, known]) => ecosystem === family && known === name)
        .map(([ecosystem = '', known = '', fixed = '', cve = '']) => ({
          id: cve,
          cves: [cve],
          source: 'test',
          cvss: 7.2,
          title: 'a weakness',
          affected: {
            package: { ecosystem, name: known },
            ranges: [{ type: 'ECOSYSTEM' as const, events: [{ introduced: '0' }, { fixed }] }],
            versions: [],
          },
        }));
    const result = await scanned({ about, isComplete: () => false });
    expect(found(result)).toEqual([
      'CVE-2021-23337 lodash 4.17.20 /app/node_modules/lodash/package.json',
      'CVE-2021-31542 django 3.2 /usr/lib/python3/dist-packages/Django-3.2.dist-info/METADATA',
    ]);
    expect(result.findings.flatMap(({ patches: covering }) => covering)).toEqual([]);
    expect(result.recommendations).toEqual([]);
  });
});

describe('presets', () => {
  test('choose the breadth', async () => {
    root.debian(7).dpkg({ Package: 'memcached', Version: '1.4.13-0.2' });
    root.file('srv/a.jar', mavenJar('org.apache.logging.log4j', 'log4j-core', '2.14.1'));
    const applied = async (preset: 'performance' | 'balanced' | 'security'): Promise<string[]> => {
      const result = await scan(new RootFs(root.path), {
        patches,
        offers,
        preset,
        knowledge: knowing(NOTHING),
        nowMs: Date.now,
      });
      return result.recommendations.filter(({ decision }) => decision === null).map(({ offer }) => offer.id);
    };
    expect(await applied('performance')).toEqual(['cve-2021-44228']);
    expect(await applied('balanced')).toEqual(['cve-2021-44228']);
    expect(await applied('security')).toEqual(['cve-2021-44228', 'cve-2018-1000115']);
  });
});
