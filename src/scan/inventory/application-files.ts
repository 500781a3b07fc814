import type { RootFs } from '../root-fs.ts';
import type { Find } from './find.ts';

const MAX_FILE_BYTES = 256 * 1024;

/** A file that tells the version of what it is part of. */
interface VersionFile {
  /** The end of its path; `*` is any one folder. */
  readonly path: string;
  /** Finds the version as its first group. */
  readonly version: RegExp;
  /** Another expression that the file must match. */
  readonly requires?: RegExp;
  readonly packages: readonly (readonly [ecosystem: string, name: string])[];
}

const VERSION_FILES: readonly VersionFile[] = [
  {
    path: 'wp-includes/version.php',
    version: /\$wp_version\s*=\s*'([^']+)'/,
    packages: [
      ['Bitnami', 'wordpress'],
      ['Packagist', 'johnpbloch/wordpress-core'],
    ],
  },
  {
    path: 'core/lib/Drupal.php',
    version: /\bconst VERSION\s*=\s*'([^']+)'/,
    packages: [
      ['Packagist', 'drupal/core'],
      ['Packagist', 'drupal/drupal'],
      ['Bitnami', 'drupal'],
    ],
  },
  {
    path: 'includes/bootstrap.inc',
    version: /\bdefine\('VERSION',\s*'([^']+)'\)/,
    requires: /\bdrupal_/,
    packages: [
      ['Packagist', 'drupal/core'],
      ['Packagist', 'drupal/drupal'],
      ['Bitnami', 'drupal'],
    ],
  },
  {
    path: 'administrator/manifests/files/joomla.xml',
    version: /<version>([^<]+)<\/version>/,
    packages: [
      ['Bitnami', 'joomla'],
      ['Packagist', 'joomla/joomla-cms'],
    ],
  },
  {
    path: 'libraries/classes/Version.php',
    version: /\bVERSION\s*=\s*'([\d.]+)/,
    requires: /PhpMyAdmin/,
    packages: [
      ['Bitnami', 'phpmyadmin'],
      ['Packagist', 'phpmyadmin/phpmyadmin'],
    ],
  },
  {
    path: 'libraries/*/Config.php',
    version: /'PMA_VERSION',\s*'([\d.]+)/,
    packages: [
      ['Bitnami', 'phpmyadmin'],
      ['Packagist', 'phpmyadmin/phpmyadmin'],
    ],
  },
  {
    path: 'version.php',
    version: /\$OC_VersionString\s*=\s*'([^']+)'/,
    requires: /\$vendor\s*=\s*'nextcloud'/,
    packages: [['Bitnami', 'nextcloud']],
  },
  {
    path: 'version.php',
    version: /\$OC_VersionString\s*=\s*'([^']+)'/,
    requires: /\$vendor\s*=\s*'owncloud'/,
    packages: [['Bitnami', 'owncloud']],
  },
  {
    path: 'version.php',
    version: /\$release\s*=\s*'([\d.]+)/,
    requires: /MOODLE/,
    packages: [
      ['Bitnami', 'moodle'],
      ['Packagist', 'moodle/moodle'],
    ],
  },
  {
    path: 'includes/version_vbulletin.php',
    version: /'FILE_VERSION',\s*'([^']+)'/,
    packages: [['Packagist', 'vbulletin/vbulletin']],
  },
  {
    path: 'thinkphp/base.php',
    version: /'THINK_VERSION',\s*'([^']+)'/,
    packages: [['Packagist', 'topthink/framework']],
  },
  {
    path: 'program/include/iniset.php',
    version: /'RCMAIL_VERSION',\s*'([^']+)'/,
    packages: [
      ['Bitnami', 'roundcube'],
      ['Packagist', 'roundcube/roundcubemail'],
    ],
  },
  {
    path: 'includes/Defines.php',
    version: /'MW_VERSION',\s*'([^']+)'/,
    packages: [
      ['Bitnami', 'mediawiki'],
      ['Packagist', 'mediawiki/core'],
    ],
  },
  {
    path: 'service/gitlab-rails/VERSION',
    version: /^(\d+\.\d+\.\d+)/,
    packages: [['Bitnami', 'gitlab']],
  },
  { path: 'gitlab/VERSION', version: /^(\d+\.\d+\.\d+)/, packages: [['Bitnami', 'gitlab']] },
  { path: 'grafana/VERSION', version: /^v?(\d+\.\d+\.\d+)/, packages: [['Bitnami', 'grafana']] },
  { path: 'include/cacti_version', version: /^v?(\d+\.\d+\.\d+)/, packages: [['Bitnami', 'cacti']] },
  { path: 'webmin/version', version: /^(\d+\.\d+)/, packages: [['Bitnami', 'webmin']] },
  { path: 'nagiosxi/var/xiversion', version: /^full=(\S+)/m, packages: [['Bitnami', 'nagios-xi']] },
  { path: 'releases/*/OTP_VERSION', version: /^(\d+(?:\.\d+)+)/, packages: [['Bitnami', 'erlang']] },
  {
    path: 'couchdb/releases/start_erl.data',
    version: /^\S+ (\d+\.\d+\.\d+)/,
    packages: [['Bitnami', 'couchdb']],
  },
  {
    path: 'apisix/core/version.lua',
    version: /\bVERSION\s*=\s*"(\d+\.\d+(?:\.\d+)?)"/,
    packages: [['Bitnami', 'apisix']],
  },
  {
    path: 'bin/version.txt',
    version: /WSO2 API Manager v?(\d+\.\d+\.\d+)/,
    packages: [['Bitnami', 'wso2am']],
  },
  {
    path: 'bin/version.txt',
    version: /WSO2 Identity Server v?(\d+\.\d+\.\d+)/,
    packages: [['Bitnami', 'wso2is']],
  },
  {
    path: 'inc/define.php',
    version: /'GLPI_VERSION',\s*'([^']+)'/,
    packages: [['Packagist', 'glpi-project/glpi']],
  },
  {
    path: 'graphapi/appinfo/info.xml',
    version: /<version>([^<]+)<\/version>/,
    packages: [['Packagist', 'owncloud/graphapi']],
  },
  {
    path: 'class.phpmailer.php',
    version: /\$Version\s*=\s*'([\d.]+)'/,
    packages: [['Packagist', 'phpmailer/phpmailer']],
  },
  {
    path: 'PHPMailer.php',
    version: /\bconst VERSION\s*=\s*'([\d.]+)'/,
    packages: [['Packagist', 'phpmailer/phpmailer']],
  },
];

/** The last step of each path, to find the few files that matter by name. */
export const APPLICATION_FILE_NAMES: ReadonlySet<string> = new Set(
  VERSION_FILES.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)),
);

/** Which web application a file tells of, if any. */
export function findApplication(fs: RootFs, path: string): Find[] {
  const candidates = VERSION_FILES.filter((candidate) => endsWithPath(path, candidate.path));
  if (candidates.length === 0) return [];
  const text = fs.readText(path, MAX_FILE_BYTES) ?? '';
  return candidates.flatMap(({ version: expression, requires, packages, path: source }) => {
    const version = expression.exec(text)?.[1]?.trim();
    if (version === undefined || requires?.test(text) === false) return [];
    return packages.map(([ecosystem, name]) => ({ ecosystem, name, version, path, source }));
  });
}

function endsWithPath(path: string, end: string): boolean {
  const steps = path.split('/').slice(-end.split('/').length);
  return end.split('/').every((step, at) => step === '*' || step === steps[at]);
}
