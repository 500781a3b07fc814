import { expect, test } from 'vitest';
import { readCatalogue } from '../../src/patches/catalogue.ts';
import { stateOf } from '../../src/scan/affected.ts';
import { versionOrder } from '../../src/scan/versions/index.ts';

const { patches } = readCatalogue('signatures');

// Branches that were given up have no fix of their own, so that a list of fixed versions does not show them.
test.each([
  ['cve-2017-1000353', 'org.jenkins-ci.main:jenkins-core', '2.48', '2.57'],
  ['cve-2017-1000353', 'org.jenkins-ci.main:jenkins-core', '2.46.2', null],
  ['cve-2018-1000861', 'org.jenkins-ci.main:jenkins-core', '2.139', '2.154'],
  ['cve-2018-1000861', 'org.jenkins-ci.main:jenkins-core', '2.138.4', null],
  ['cve-2018-1273', 'org.springframework.data:spring-data-commons', '1.12.11.RELEASE', '1.13.11'],
  ['cve-2018-1273', 'org.springframework.data:spring-data-commons', '1.13.11.RELEASE', null],
  ['cve-2021-44228', 'org.apache.logging.log4j:log4j-core', '2.15.0', '2.16.0'],
  ['cve-2021-44228', 'org.apache.logging.log4j:log4j-core', '2.12.2', null],
  ['cve-2022-26134', 'com.atlassian.confluence:confluence', '7.10.2', '7.13.7'],
  ['cve-2022-26134', 'com.atlassian.confluence:confluence', '7.4.17', null],
  ['cve-2022-36804', 'bitbucket', '7.0.0', '7.6.17'],
  ['cve-2022-36804', 'bitbucket', '6.10.17', null],
  ['cve-2023-0669', 'goanywhere-mft', '7.6.2', '7.6.3'],
  ['cve-2023-0669', 'goanywhere-mft', '7.6.3', null],
  ['cve-2023-0669', 'goanywhere-mft', '7.8.3', '7.8.4'],
  ['cve-2024-4040', 'crushftp', '9.3.0', '10.7.1'],
  ['cve-2024-4040', 'crushftp', '10.7.1', null],
  ['cve-2025-14847', 'mongodb', '4.2.24', '4.4.30'],
  ['cve-2025-14847', 'mongodb', '3.4.24', null],
])('%s of %s %s is mended by %s', (id, name, version, fixed) => {
  expect(state(id, name, version)).toEqual({ isAffected: fixed !== null, fixed });
});

test.each([
  ['cve-2020-2883', 'com.oracle.weblogic:weblogic-server', '10.3.6.0.0'],
  ['cve-2025-24813', 'org.apache.tomcat:tomcat-catalina', '8.5.100'],
  ['cve-2025-24813', 'tomcat', '8.5.57'],
])('%s concerns %s %s, which nothing of its branch mends', (id, name, version) => {
  expect(state(id, name, version)?.isAffected).toBe(true);
});

function state(id: string, name: string, version: string) {
  const affected = patches
    .find((patch) => patch.id === id)!
    .description.affected.find((one) => one.package.name === name)!;
  return stateOf(version, affected, versionOrder(affected.package.ecosystem));
}
