import type { Affected } from '../../src/patches/affected.ts';
import { familyOf } from '../../src/scan/ecosystem.ts';
import { type FakeRoot, mavenJar, zipOf } from './fake-root.ts';

/** Software that patches are for and that the scan does not find, and why. docs/scan.md names it. */
export const UNSEEN: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'Bitnami aspera-faspex': 'commercial: we know no file of it that tells the version',
    'Bitnami cleo-harmony': 'commercial: we know no file of it that tells the version',
    'Bitnami cleo-lexicom': 'commercial: we know no file of it that tells the version',
    'Bitnami cleo-vltrader': 'commercial: we know no file of it that tells the version',
    'Bitnami coldfusion': 'commercial: an update does not change a number that we know of',
    'Bitnami control-webpanel': 'we know no file of it that tells the version',
    'Bitnami crowd': 'its libraries are in other servers of the same maker, too',
    'Bitnami crushftp': 'commercial: we know no file of it that tells the version',
    'Bitnami goanywhere-mft': 'commercial: we know no file of it that tells the version',
    'Bitnami mirth-connect': 'we know no file of it that tells the version',
    'Bitnami ofbiz': 'we know no file of it that tells the version',
    'Bitnami papercut-ng': 'commercial: we know no file of it that tells the version',
    'Bitnami pentaho': 'we know no file of it that tells the version',
    'Bitnami sap-netweaver-java': 'commercial: we know no file of it that tells the version',
    'Bitnami sap-netweaver-visual-composer': 'commercial: we know no file of it that tells the version',
    'Bitnami solarwinds-web-help-desk': 'commercial: we know no file of it that tells the version',
    'Bitnami teamcity': 'commercial: we know no file of it that tells the version',
    'Bitnami wing-ftp-server': 'commercial: we know no file of it that tells the version',
    'Bitnami zimbra': 'its fixes are patches that leave the number of the release as it is',
    'Maven com.liferay.portal:release.portal.bom': 'a list of versions, which no installation has',
  }),
);

/** The lowest version that an advisory calls affected, in a form that every ecosystem can read. */
export function affectedVersion({ ranges, versions }: Affected): string {
  const introduced = ranges.flatMap(({ events }) =>
    events.flatMap((event) => ('introduced' in event ? [event.introduced] : [])),
  );
  const first = [...introduced, ...versions][0]!;
  return first === '0' ? '0.0.1' : first;
}

/**
 * Puts an installation of a package of OSV's onto a root. False: it is one of UNSEEN. Throws where nobody knows how.
 */
export function install(root: FakeRoot, { ecosystem, name }: Affected['package'], version: string): boolean {
  if (UNSEEN.has(`${ecosystem} ${name}`)) return false;
  switch (familyOf(ecosystem)) {
    case 'Debian':
      root.debian(Number(ecosystem.split(':')[1])).dpkg({ Package: name, Version: version });
      return true;
    case 'Ubuntu':
      root.file('etc/os-release', `ID=ubuntu\nVERSION_ID="${ecosystem.split(':')[1]}"\nVERSION="LTS"\n`);
      root.dpkg({ Package: name, Version: version });
      return true;
    case 'npm':
      root.file(`app/node_modules/${name}/package.json`, JSON.stringify({ name, version }));
      return true;
    case 'PyPI':
      root.file(`app/site-packages/${name}-${version}.dist-info/METADATA`, `Name: ${name}\nVersion: ${version}\n`);
      return true;
    case 'RubyGems':
      root.file(`gems/specifications/${name}-${version}.gemspec`, '');
      return true;
    case 'Maven':
      root.file(`srv/lib/${name.replace(':', '-')}.jar`, mavenJar(...(name.split(':') as [string, string]), version));
      return true;
    case 'Packagist':
      installPhp(root, name, version);
      return true;
    case 'Bitnami':
      (SERVERS[name] ?? unknown(name))(root, version);
      return true;
    default:
      throw new Error(`nobody knows how ${ecosystem} ${name} is installed`);
  }
}

function installPhp(root: FakeRoot, name: string, version: string): void {
  const plugin = /^wpackagist-plugin\/(.*)$/.exec(name)?.[1];
  if (plugin !== undefined) {
    root.file(`var/www/wp-content/plugins/${plugin}/${plugin}.php`, `<?php\n/*\n * Version: ${version}\n */\n`);
    return;
  }
  const installed = { packages: [{ name, version }] };
  root.file(`var/www/${name.replace('/', '-')}/vendor/composer/installed.json`, JSON.stringify(installed));
}

const unknown = (name: string) => (): void => {
  throw new Error(`no test knows how "${name}" looks on disk: add it here and to src/scan/inventory, or to UNSEEN`);
};

const elf = (text: string): Buffer => Buffer.from(`\x7fELF${'\0'.repeat(3000)}${text}\0`, 'latin1');
const binary =
  (path: string, text: (version: string) => string) =>
  (root: FakeRoot, version: string): void => {
    root.program(path, elf(text(version)));
  };
const textFile =
  (path: string, text: (version: string) => string) =>
  (root: FakeRoot, version: string): void => {
    root.file(path, text(version));
  };
const jar =
  (coordinate: string) =>
  (root: FakeRoot, version: string): void => {
    const [group = '', artifact = ''] = coordinate.split(':');
    root.file(`opt/${artifact}/lib/${artifact}-${version}.jar`, mavenJar(group, artifact, version));
  };
/** In a release that no patch speaks of, so that upstream's number counts. */
const packaged =
  (name: string, maintainer: string) =>
  (root: FakeRoot, version: string): void => {
    root.debian(10).dpkg({ Package: name, Version: version, Maintainer: maintainer });
  };

/** By the name that Bitnami has for it. */
const SERVERS: Readonly<Record<string, (root: FakeRoot, version: string) => void>> = {
  apache: binary('usr/local/apache2/bin/httpd', (version) => `Apache/${version} (Unix)`),
  apisix: textFile(
    'usr/local/apisix/apisix/core/version.lua',
    (version) => `return { VERSION = "${padded(version)}" }`,
  ),
  bitbucket: jar('com.atlassian.bitbucket.server:bitbucket-api'),
  cacti: textFile('var/www/cacti/include/cacti_version', (version) => version),
  couchdb: textFile('opt/couchdb/releases/start_erl.data', (version) => `12.0 ${version}`),
  'cups-browsed': packaged('cups-browsed', 'Somebody <somebody@debian.org>'),
  elasticsearch: jar('org.elasticsearch:elasticsearch'),
  erlang: textFile('usr/local/lib/erlang/releases/25/OTP_VERSION', (version) => `${version}\n`),
  gitlab: textFile('opt/gitlab/VERSION', (version) => version),
  grafana: textFile('opt/grafana/VERSION', (version) => version),
  inetutils: packaged('inetutils', 'Somebody <somebody@debian.org>'),
  jira: jar('com.atlassian.jira:jira-api'),
  joomla: textFile(
    'var/www/joomla/administrator/manifests/files/joomla.xml',
    (version) => `<extension><version>${version}</version></extension>`,
  ),
  kibana: textFile('opt/kibana/package.json', (version) => JSON.stringify({ name: 'kibana', version })),
  memcached: binary('usr/local/bin/memcached', (version) => `memcached ${version}`),
  metabase: (root, version) => {
    root.file(
      'opt/metabase.jar',
      zipOf([{ name: 'version.properties', content: `date=2021-01-01\ntag=v${version}\n` }]),
    );
  },
  minio: binary('usr/local/bin/minio', (version) => {
    const [year, month = '', day = ''] = version.split('.');
    return `RELEASE.${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}T01-02-03Z`;
  }),
  mongodb: packaged('mongodb-org-server', 'MongoDB Packaging <packaging@mongodb.com>'),
  'nagios-xi': textFile('usr/local/nagiosxi/var/xiversion', (version) => `full=${version}\n`),
  ntp: binary('usr/local/sbin/ntpd', (version) => `ntpd ${version}@1.2349-o`),
  openfire: jar('org.igniterealtime.openfire:xmppserver'),
  php: binary('usr/local/sbin/php-fpm', (version) => `X-Powered-By: PHP/${padded(version)}`),
  phpmyadmin: textFile(
    'var/www/pma/libraries/classes/Config.php',
    (version) => `$this->set('PMA_VERSION', '${version}');`,
  ),
  proftpd: binary('usr/local/sbin/proftpd', (version) => `ProFTPD ${version}`),
  tomcat: (root, version) => {
    const manifest = `Manifest-Version: 1.0\r\nImplementation-Version: ${version}\r\n`;
    root.file('opt/tomcat/lib/catalina.jar', zipOf([{ name: 'META-INF/MANIFEST.MF', content: manifest }]));
  },
  webmin: textFile('usr/share/webmin/version', (version) => `${version}\n`),
  wso2am: textFile('opt/wso2am/bin/version.txt', (version) => `WSO2 API Manager ${padded(version)}`),
  wso2is: textFile('opt/wso2is/bin/version.txt', (version) => `WSO2 Identity Server ${padded(version)}`),
};

/** With three numbers. */
const padded = (version: string): string => (/^\d+\.\d+$/.test(version) ? `${version}.0` : version);
