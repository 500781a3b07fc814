import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { takeInventory } from '../../../src/scan/inventory/inventory.ts';
import { readOperatingSystem } from '../../../src/scan/inventory/os-release.ts';
import { RootFs } from '../../../src/scan/root-fs.ts';
import { FakeRoot, zipOf } from '../fake-root.ts';

let root: FakeRoot;
beforeEach(() => {
  root = new FakeRoot();
});
afterEach(() => root.remove());

describe('the ecosystem of a system', () => {
  test.each([
    ['ID=debian\nVERSION_ID="11"', 'Debian:11'],
    ['ID=raspbian\nVERSION_ID="12"', 'Debian:12'],
    ['ID=ubuntu\nVERSION_ID="22.04"\nVERSION="22.04.3 LTS (Jammy)"', 'Ubuntu:22.04:LTS'],
    ['ID=ubuntu\nVERSION_ID="23.10"\nVERSION="23.10 (Mantic)"', 'Ubuntu:23.10'],
    ['ID=alpine\nVERSION_ID=3.18.4', 'Alpine:v3.18'],
    ['ID="rocky"\nVERSION_ID="9.2"', 'Rocky Linux:9'],
    ['ID="almalinux"\nVERSION_ID="8.8"', 'AlmaLinux:8'],
    ['ID="rhel"\nVERSION_ID="8.6"', 'Red Hat:enterprise_linux:8'],
    ["ID='centos'\nVERSION_ID='7'", 'Red Hat:enterprise_linux:7'],
    ['ID="sles"\nVERSION_ID="15.4"', 'SUSE:Linux Enterprise Server 15 SP4'],
    ['ID="opensuse-leap"\nVERSION_ID="15.5"', 'openSUSE:Leap 15.5'],
    ['ID=arch', null],
    ['', null],
  ])('%j', (text, ecosystem) => {
    root.file('etc/os-release', text);
    expect(readOperatingSystem(new RootFs(root.path)).ecosystem).toBe(ecosystem);
  });

  test('is read through the usual link', () => {
    root.file('usr/lib/os-release', 'ID=debian\nVERSION_ID="12"\n').link('etc/os-release', '../usr/lib/os-release');
    expect(readOperatingSystem(new RootFs(root.path)).ecosystem).toBe('Debian:12');
  });
});

const components = async (): Promise<string[]> =>
  (await takeInventory(new RootFs(root.path), { nowMs: Date.now })).components.map(
    ({ ecosystem, name, version, from, owner }) =>
      `${ecosystem} ${name} ${version} (${from.join(', ')})${owner?.isDistribution === false ? ' of another maker' : ''}`,
  );

test('apk names the source of a package', async () => {
  root
    .file('etc/os-release', 'ID=alpine\nVERSION_ID=3.18.4\n')
    .file(
      'lib/apk/db/installed',
      'P:libssl3\nV:3.1.3-r0\no:openssl\nF:lib\nR:libssl.so.3\n\nP:openssl\nV:3.1.3-r0\no:openssl\n\n',
    );
  expect(await components()).toEqual(['Alpine:v3.18 openssl 3.1.3-r0 (libssl3, openssl)']);
});

test('rpm has both names, and tells other makers apart', async () => {
  root
    .file('etc/os-release', 'ID=rocky\nVERSION_ID=8.8\n')
    .file('var/lib/rpm/rpmdb.sqlite', readFileSync('fixtures/scan/rpmdb.sqlite'));
  const found = await components();
  expect(found.filter((text) => !text.includes('filler'))).toEqual([
    'Rocky Linux:8 httpd 2.4.37-21.module+el8.2.0+5008 (httpd, httpd-tools)',
    'Rocky Linux:8 httpd-tools 2.4.37-21.module+el8.2.0+5008 (httpd-tools)',
    'Rocky Linux:8 openssl 1:1.1.1k-9.el8_6 (openssl-libs)',
    'Rocky Linux:8 openssl-libs 1:1.1.1k-9.el8_6 (openssl-libs)',
    'Rocky Linux:8 grafana 8.3.0-1 (grafana) of another maker',
  ]);
});

test('services that start with the system', async () => {
  root
    .link('etc/systemd/system/multi-user.target.wants/nginx.service', '/lib/systemd/system/nginx.service')
    .link('etc/systemd/system/timers.target.wants/apt.timer', '/lib/systemd/system/apt.timer')
    .link('etc/systemd/system/other.service', '/dev/null');
  expect((await takeInventory(new RootFs(root.path), { nowMs: Date.now })).services).toEqual(['nginx.service']);
});

test('Go programs say what they are built from', async () => {
  root.program(
    'usr/local/bin/server',
    goProgram(
      'go1.20.4 X:y',
      'path\texample.org/server\nmod\texample.org/server\tv1.2.3\th1:x\ndep\tgolang.org/x/net\tv0.7.0\th1:x\ndep\tgithub.com/old/thing\tv1.0.0\n=>\tgithub.com/new/thing\tv1.5.0\th1:x\ndep\tlocal\tv0.1.0\n=>\t../local\t\n',
    ),
  );
  expect(await components()).toEqual([
    'Go stdlib 1.20.4 (Go build information)',
    'Go example.org/server 1.2.3 (Go build information)',
    'Go golang.org/x/net 0.7.0 (Go build information)',
    'Go github.com/new/thing 1.5.0 (Go build information)',
  ]);
});

test('jars of servers and of builds without Maven', async () => {
  const manifest = (text: string) => zipOf([{ name: 'META-INF/MANIFEST.MF', content: text }]);
  root
    .file(
      'opt/tomcat/lib/catalina.jar',
      manifest('Implementation-Title: Apache Tomcat\r\nImplementation-Version: 9.0.\r\n 30\r\n'),
    )
    .file('opt/solr/solr-core-8.11.0.jar', manifest(''))
    .file('opt/jenkins/jenkins.war', manifest('Jenkins-Version: 2.426.2\n'))
    .file('opt/wl/weblogic.jar', manifest('Implementation-Version: 12.2.1.3.0\n'))
    .file('opt/x/constructor-1.0.jar', manifest(''));
  expect((await components()).sort()).toEqual([
    'Bitnami jenkins 2.426.2 (manifest)',
    'Bitnami solr 8.11.0 (file name)',
    'Bitnami tomcat 9.0.30 (manifest)',
    'Maven com.oracle.weblogic:weblogic-server 12.2.1.3.0 (manifest)',
    'Maven org.apache.solr:solr-core 8.11.0 (file name)',
    'Maven org.apache.tomcat:tomcat-catalina 9.0.30 (manifest)',
    'Maven org.jenkins-ci.main:jenkins-core 2.426.2 (manifest)',
  ]);
});

test('web applications', async () => {
  root
    .file('www/wp/wp-includes/version.php', "<?php\n$wp_version = '5.8.1';\n")
    .file('www/wp/wp-content/plugins/some-plugin/readme.txt', '=== Some ===\nStable tag: 1.2.3\n')
    .file('www/wp/wp-content/plugins/bought/bought.php', '<?php\n/*\n * Plugin Name: Bought\n * Version: 6.7.1\n */')
    .file('www/wp/wp-content/plugins/bought/readme.txt', 'Stable tag: 9.9\n')
    .file('www/wp/wp-includes/PHPMailer/PHPMailer.php', "<?php class PHPMailer { const VERSION = '6.5.0'; }")
    .file('usr/share/webmin/version', '1.890\n')
    .file('usr/lib/erlang/releases/25/OTP_VERSION', '25.3.2.8\n')
    .file('www/glpi/inc/define.php', "<?php define('GLPI_VERSION', '10.0.2');")
    .file('www/joomla/administrator/manifests/files/joomla.xml', '<extension><version>4.2.7</version></extension>')
    .file(
      'www/pma/libraries/classes/Version.php',
      "<?php namespace PhpMyAdmin;\n const VERSION = '5.1.0' . VERSION_SUFFIX;",
    )
    .file('www/cloud/version.php', "<?php\n$OC_VersionString = '25.0.1';\n$vendor = 'nextcloud';\n")
    .file('www/other/version.php', "<?php\n$OC_VersionString = '25.0.1';\n")
    .file('opt/grafana/VERSION', '8.3.0')
    .file('opt/kibana/package.json', '{"name":"kibana","version":"6.6.0"}');
  expect((await components()).sort()).toEqual([
    'Bitnami erlang 25.3.2.8 (releases/*/OTP_VERSION)',
    'Bitnami grafana 8.3.0 (grafana/VERSION)',
    'Bitnami joomla 4.2.7 (administrator/manifests/files/joomla.xml)',
    'Bitnami kibana 6.6.0 (package.json)',
    'Bitnami nextcloud 25.0.1 (version.php)',
    'Bitnami phpmyadmin 5.1.0 (libraries/classes/Version.php)',
    'Bitnami webmin 1.890 (webmin/version)',
    'Bitnami wordpress 5.8.1 (wp-includes/version.php)',
    'Packagist glpi-project/glpi 10.0.2 (inc/define.php)',
    'Packagist johnpbloch/wordpress-core 5.8.1 (wp-includes/version.php)',
    'Packagist joomla/joomla-cms 4.2.7 (administrator/manifests/files/joomla.xml)',
    'Packagist phpmailer/phpmailer 6.5.0 (PHPMailer.php)',
    'Packagist phpmyadmin/phpmyadmin 5.1.0 (libraries/classes/Version.php)',
    'Packagist wpackagist-plugin/bought 6.7.1 (bought.php)',
    'Packagist wpackagist-plugin/some-plugin 1.2.3 (readme.txt)',
  ]);
});

/** An ELF file with a section `.go.buildinfo`, padded to the size of a Go program. */
function goProgram(version: string, modules: string): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1');
    const length = bytes.length < 0x80 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
    return Buffer.concat([Buffer.from(length), bytes]);
  };
  const info = Buffer.concat([
    Buffer.from('\xff Go buildinf:\x08\x02', 'latin1').subarray(0, 16),
    Buffer.alloc(16),
    text(version),
    text(`${'0'.repeat(16)}${modules}${'1'.repeat(16)}`),
  ]);
  const names = Buffer.from('\0.go.buildinfo\0.shstrtab\0', 'latin1');
  const start = 64;
  const section = (name: number, offset: number, bytes: number): Buffer => {
    const header = Buffer.alloc(64);
    header.writeUInt32LE(name, 0);
    header.writeBigUInt64LE(BigInt(offset), 24);
    header.writeBigUInt64LE(BigInt(bytes), 32);
    return header;
  };
  const table = Buffer.concat([
    section(0, 0, 0),
    section(1, start, info.length),
    section(15, start + info.length, names.length),
  ]);
  const elf = Buffer.alloc(start);
  elf.write('\x7fELF\x02\x01', 'latin1');
  elf.writeBigUInt64LE(BigInt(start + info.length + names.length), 40);
  elf.writeUInt16LE(64, 58);
  elf.writeUInt16LE(3, 60);
  elf.writeUInt16LE(2, 62);
  return Buffer.concat([elf, info, names, table, Buffer.alloc(600_000)]);
}
