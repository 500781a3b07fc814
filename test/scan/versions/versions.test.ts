import { describe, expect, test } from 'vitest';
import { versionOrder } from '../../../src/scan/versions/index.ts';

/** Rows that are in order: every version is older than each one behind it. Versions with "=" between them are equal. */
const ORDERED: readonly (readonly [ecosystem: string, source: string, ...versions: readonly string[]])[] = [
  ['Maven', 'ComparableVersionTest', ...list('1-alpha2snapshot 1-alpha2 1-alpha-123 1-beta-2 1-beta123 1-m2 1-m11')],
  [
    'Maven',
    'ComparableVersionTest',
    ...list('1-m11 1-rc=1-cr 1-cr2 1-rc123 1-SNAPSHOT 1 1-sp 1-sp2 1-sp123 1-abc 1-def'),
  ],
  ['Maven', 'ComparableVersionTest', ...list('1-def 1-pom-1 1-1-snapshot 1-1 1-2 1-123')],
  [
    'Maven',
    'ComparableVersionTest',
    ...list('2.0 2.0.a=2.0.0.a 2-1 2.0.2 2.0.123 2.1.0 2.1-a 2.1b 2.1-c 2.1-1 2.1.0.1 2.2 2.123'),
  ],
  ['Maven', 'ComparableVersionTest', ...list('11.a2 11.a11 11.b2 11.b11 11.m2 11.m11 11 11.a 11b 11c 11m')],
  ['Maven', 'POM reference', ...list('1-snapshot 1=1.0=1.0.0=1-0=1.ga=1-final=1_0 1-foo2 1-foo10 1-1 1.1')],
  ['Maven', 'POM reference', ...list('1.0-alpha-1=1.0-a1=1.0-ALPHA1 1.0-beta-1 1.0-rc1 1.0 1.0.1')],
  ['Maven', 'Log4j', ...list('2.0-beta9 2.0-rc1 2.0 2.3.1 2.12.2 2.13.0 2.14.1 2.15.0 2.17.1')],
  ['Maven', 'Spring', ...list('5.2.19.RELEASE 5.2.20.RELEASE 5.3.17 5.3.18')],
  ['PyPI', 'PEP 440', ...list('1.dev0 1.0.dev456 1.0a1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 1.0b2')],
  ['PyPI', 'PEP 440', ...list('1.0b2 1.0b2.post345.dev456 1.0b2.post345 1.0rc1.dev456 1.0rc1 1.0=1.0.0=v1.0')],
  ['PyPI', 'PEP 440', ...list('1.0 1.0+abc.5 1.0+abc.7 1.0+5 1.0.post456.dev34 1.0.post456 1.0.15 1.1.dev1 1!0.1')],
  [
    'PyPI',
    'packaging',
    ...list('1.0b2-346 1.0c1.dev456 1.0c1=1.0rc1=1.0-pre.1 1.0rc2 1.0c3 1.0 1.0-1=1.0.post1=1.0r1'),
  ],
  [
    'PyPI',
    'packaging',
    ...list('1.2+abc 1.2+abc123 1.2+abc123def 1.2+1234.abc 1.2+123456 1.2.r32+123456 1.2.rev33+123456'),
  ],
  ['RubyGems', 'test_gem_version', ...list('1.0.a 1.0.a.2 1.0.b1=1.0.b.1 1.0=1=1.0.0 1.0.1')],
  ['RubyGems', 'test_gem_version', ...list('0.beta.1 0.0.beta.2 0.0.0=0 1.8.2.a9 1.8.2.a10 1.8.2.b 1.8.2 1.9.3')],
  ['RubyGems', 'test_gem_version', ...list('1-1=1.pre.1 1.2.pre.1=1.2.0.pre.1.0 1.2=1.2.0')],
  [
    'Packagist',
    'composer/semver',
    ...list('1.0-dev 1.0-alpha1=1.0.0a1 1.0-alpha2 1.0-beta1 1.0-beta2 1.0-RC1 1.0=v1.0.0 1.0-patch1=1.0pl1 1.0.1'),
  ],
  ['Packagist', 'composer/semver', ...list('1.9999999 2.0 3.0.0.0 20100102 dev-main')],
  ['Packagist', 'Drupal', ...list('7.57 7.58 8.5.0-beta1 8.5.0-rc1 8.5.0 8.5.1')],
  [
    'npm',
    'semver.org',
    ...list('1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0'),
  ],
  ['npm', 'lenient', ...list('1.2 1.2.1 1.10')],
  [
    'Go',
    'pseudo-versions',
    ...list('0.0.0-20200101000000-abcdefabcdef 0.0.0-20210101000000-abcdefabcdef 0.1.0=v0.1.0 1.0.0'),
  ],
  [
    'Alpine:v3.18',
    'version.data',
    ...list('0.1.0_alpha_pre2 0.1.0_alpha 0.1.0_alpha2 0.1.3_alpha 0.6.0 0.8_beta1 0.8_beta2'),
  ],
  [
    'Alpine:v3.18',
    'version.data',
    ...list('1.0.4-r3 1.0.4-r4 1.00_beta2 1.02.07 1.02.10-r1 1.03-r1 1.1_alpha1 1.1 1.2.2 1.2.2-r1 1.6'),
  ],
  [
    'Alpine:v3.18',
    'version.data',
    ...list('2.3.0b-r1 2.3.0b-r4 2.5.1-r8 2.5.1a-r1 3.1_p16 3.1_p17 3.9.8-r5 006 013 014-r1 23'),
  ],
  [
    'Alpine:v3.18',
    'version.data',
    ...list('1.0_p9-r0 1.0_p10-r0 1.0.0_pre20191002222144-r0 1.0.0_pre20210530193627-r0'),
  ],
  [
    'Alpine:v3.18',
    'version.data',
    ...list('1.06-r6 1.07 1.07-r1 1.07.5 1.12.12-r2 1.19 2.02.06 2.02.10 2.1_pre20 2.1_pre26 2.1.1'),
  ],
  [
    'Rocky Linux:9',
    'rpmvercmp.at',
    ...list('1.0~rc1~git123 1.0~rc1 1.0~rc1^git1 1.0~rc2 1.0 1.0^git1~pre 1.0^git1 1.0^git2 1.01'),
  ],
  ['Rocky Linux:9', 'rpmvercmp.at', ...list('1.0 1.0^ 1.0^20160101 1.0^20160101^git1 1.0^20160102 1.0.1')],
  [
    'Rocky Linux:9',
    'rpmvercmp.at',
    ...list('xyz.4 2 2.0=2_0 2.0.1 2.0.1a 5.5p1 5.5p2 5.5p10 5.6p1 6.0 6.0.rc1 6.5p1 8'),
  ],
  [
    'Rocky Linux:9',
    'rpmvercmp.at',
    ...list(
      'a=a+=a_=+a=_a xyz10 xyz10.1 4.999.9 5.0 10a2 10b2 10xyz 10.0001=10.1 10.1xyz 10.0039=10.39 20101121 20101122',
    ),
  ],
  ['Rocky Linux:9', 'rpmvercmp.at', ...list('1.fc17 1.0a 1.0aa')],
  ['Rocky Linux:9', 'rpmvercmp.at', ...list('1b.fc17 1.fc17 1g.fc17')],
  [
    'Red Hat:enterprise_linux:8',
    'httpd',
    ...list('0:2.4.37-1 2.4.37-21.module+el8.2.0+5008 2.4.37-39.el8 0:2.4.37-43.el8 2.4.48-1 1:2.4.6-1'),
  ],
  [
    'Debian:11',
    'deb-version(7)',
    ...list('1.0~beta1~svn1245 1.0~beta1 1.0 1.0-1 1.0-1+b1 1.0-1+deb11u1 1.0-1.1 1.0a 1.0+dfsg 1.0.1'),
  ],
  ['Debian:11', 'deb-version(7)', ...list('~~ ~~a ~ 0=0-0=0:0 1 a + 1:0')],
  [
    'Ubuntu:20.04:LTS',
    'redis',
    ...list('5:5.0.7-2 5:5.0.7-2ubuntu0.1 5:6.0.15-1 5:6.0.16-1ubuntu1 5:6.0.16-1+deb11u2'),
  ],
  ['Bitnami', 'OpenSSL', ...list('1.0.1 1.0.1a 1.0.1f 1.0.1g 1.0.2-beta1 1.0.2 1.1.0')],
  ['Bitnami', 'OpenSSH', ...list('7.2 7.2p1 7.2p2 7.2p10 7.3')],
  ['Bitnami', 'PHP', ...list('7.3.10 7.3.11RC1 7.3.11=7.3.11.0 7.3.12-1')],
  ['Bitnami', 'GitLab', ...list('13.8.7-ee 13.8.8 13.8.8-ee 13.9.6')],
];

function list(text: string): string[] {
  return text.split(' ');
}

describe.each(ORDERED)('%s, from %s: %s', (ecosystem, _, ...groups) => {
  test('every version compares with every other one as it stands', () => {
    const compare = versionOrder(ecosystem);
    const ranked = groups.flatMap((group, rank) => group.split('=').map((version) => ({ version, rank })));
    const wrong = ranked.flatMap((a) =>
      ranked
        .filter((b) => Math.sign(compare(a.version, b.version) ?? Number.NaN) !== Math.sign(a.rank - b.rank))
        .map((b) => `${a.version} ${a.rank < b.rank ? '<' : a.rank > b.rank ? '>' : '='} ${b.version}`),
    );
    expect(wrong).toEqual([]);
  });
});

test.each([
  ['PyPI', 'french toast'],
  ['RubyGems', 'junk'],
  ['RubyGems', '1..2'],
  ['Alpine:v3.18', '1.0bc'],
  ['Alpine:v3.18', '23_foo'],
  ['npm', 'latest'],
  ['Go', '(devel)'],
])('%s has no version "%s"', (ecosystem, version) => {
  const compare = versionOrder(ecosystem);
  expect([compare(version, '1.0'), compare('1.0', version)]).toEqual([null, null]);
});

test('an unknown ecosystem has numbers', () => {
  expect(versionOrder('Nowhere:7')('1.9', '1.10')).toBeLessThan(0);
});
