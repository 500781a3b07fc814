import type { Find } from './find.ts';

/** What a jar says about itself. */
export interface JarFacts {
  /** Within the root; of a jar in a jar, both with `!` between. */
  readonly path: string;
  manifest: string | null;
  /** Each `pom.properties`: a shaded jar has those of all that it swallowed. */
  readonly poms: string[];
  /** `version.properties` at the top of it, which Metabase has. */
  versionProperties: string | null;
  /** Of the lookups of log4j-core. Removing the one is the documented way to mend it without an update. */
  hasJndiLookup: boolean;
  hasOtherLookups: boolean;
}

/** Libraries that are built without Maven's own file. By the name of the jar. */
const GROUPS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'activemq-broker': 'org.apache.activemq',
    'activemq-client': 'org.apache.activemq',
    'commons-collections': 'commons-collections',
    'commons-collections4': 'org.apache.commons',
    'commons-fileupload': 'commons-fileupload',
    'commons-text': 'org.apache.commons',
    confluence: 'com.atlassian.confluence',
    elasticsearch: 'org.elasticsearch',
    fastjson: 'com.alibaba',
    h2: 'com.h2database',
    hazelcast: 'com.hazelcast',
    'jackson-databind': 'com.fasterxml.jackson.core',
    'jenkins-core': 'org.jenkins-ci.main',
    'jetty-server': 'org.eclipse.jetty',
    log4j: 'log4j',
    'log4j-api': 'org.apache.logging.log4j',
    'log4j-core': 'org.apache.logging.log4j',
    'ofbiz-base': 'org.apache.ofbiz',
    'shiro-core': 'org.apache.shiro',
    'shiro-web': 'org.apache.shiro',
    snakeyaml: 'org.yaml',
    'solr-core': 'org.apache.solr',
    'spring-beans': 'org.springframework',
    'spring-boot': 'org.springframework.boot',
    'spring-cloud-function-context': 'org.springframework.cloud',
    'spring-cloud-gateway-server': 'org.springframework.cloud',
    'spring-context': 'org.springframework',
    'spring-core': 'org.springframework',
    'spring-data-commons': 'org.springframework.data',
    'spring-expression': 'org.springframework',
    'spring-security-core': 'org.springframework.security',
    'spring-security-web': 'org.springframework.security',
    'spring-web': 'org.springframework',
    'spring-webmvc': 'org.springframework',
    'struts2-core': 'org.apache.struts',
    'tomcat-embed-core': 'org.apache.tomcat.embed',
    velocity: 'org.apache.velocity',
    xstream: 'com.thoughtworks.xstream',
  }),
);

/** Servers whose jar carries their version in its manifest. By the name of the jar. */
const SERVERS: ReadonlyMap<string, readonly (readonly [ecosystem: string, name: string])[]> = new Map(
  Object.entries<[string, string][]>({
    catalina: [
      ['Maven', 'org.apache.tomcat:tomcat-catalina'],
      ['Bitnami', 'tomcat'],
    ],
    weblogic: [['Maven', 'com.oracle.weblogic:weblogic-server']],
  }),
);

/** Libraries that are a server of its own, as the makers of images call it. */
const ALSO: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'com.atlassian.bitbucket.server:bitbucket-api': 'bitbucket',
    'com.atlassian.jira:jira-api': 'jira',
    'org.apache.activemq:activemq-broker': 'activemq',
    'org.apache.solr:solr-core': 'solr',
    'org.elasticsearch:elasticsearch': 'elasticsearch',
    'org.igniterealtime.openfire:xmppserver': 'openfire',
    'org.jenkins-ci.main:jenkins-core': 'jenkins',
  }),
);

/** Of a file (NAME_MAX of linux/limits.h). Names within an archive may be longer. */
const MAX_NAME_CHARACTERS = 255;

/** One find for each package that the archive is or holds. */
export function jarFinds(facts: JarFacts): Find[] {
  const finds = new Map<string, Find>();
  const add = (ecosystem: string, name: string, version: string, source: string): void => {
    const isMended = name === LOG4J_CORE && facts.hasOtherLookups && !facts.hasJndiLookup;
    const found = { ecosystem, name, version, path: facts.path, source: isMended ? WITHOUT_JNDI : source };
    finds.set(`${ecosystem} ${name} ${version}`, found);
    const server = ALSO.get(name);
    if (ecosystem === 'Maven' && server !== undefined) add('Bitnami', server, version, source);
  };

  for (const pom of facts.poms) {
    const { groupId, artifactId, version } = properties(pom);
    if (isCoordinate(groupId) && isCoordinate(artifactId) && version !== undefined) {
      add('Maven', `${groupId}:${artifactId}`, version, 'pom.properties');
    }
  }
  const fileName = facts.path.slice(Math.max(facts.path.lastIndexOf('/'), facts.path.lastIndexOf('!')) + 1);
  const isName = fileName.length <= MAX_NAME_CHARACTERS;
  const [, artifact = '', fileVersion] = /^(.+?)(?:-(\d[\w.+-]*?))?\.\w+$/.exec(isName ? fileName : '') ?? [];
  const manifest = properties(facts.manifest ?? '');
  const implementation = manifest['Implementation-Version'] ?? manifest['Bundle-Version'];

  const group = GROUPS.get(artifact);
  const version = fileVersion ?? implementation;
  const isKnown = [...finds.values()].some(({ name }) => name === `${group}:${artifact}`);
  if (group !== undefined && !isKnown && version !== undefined) {
    add('Maven', `${group}:${artifact}`, version, fileVersion === undefined ? 'manifest' : 'file name');
  }
  for (const [ecosystem, name] of SERVERS.get(artifact) ?? []) {
    if (implementation !== undefined) add(ecosystem, name, implementation, 'manifest');
  }
  const metabase = /^v?(\d[\d.]*)/.exec(properties(facts.versionProperties ?? '').tag ?? '')?.[1];
  if (metabase !== undefined && artifact === 'metabase') add('Bitnami', 'metabase', metabase, 'version.properties');
  const jenkins = manifest['Jenkins-Version'];
  if (jenkins !== undefined && artifact === 'jenkins') {
    add('Maven', 'org.jenkins-ci.main:jenkins-core', jenkins, 'manifest');
  }
  return [...finds.values()];
}

const LOG4J_CORE = 'org.apache.logging.log4j:log4j-core';
/** Of finds of log4j-core that cannot look anything up any more. */
export const WITHOUT_JNDI = 'JndiLookup.class was removed from it';

const isCoordinate = (text: string | undefined): text is string => text !== undefined && /^[\w.-]+$/.test(text);

/** `key=value` and `Key: value` lines; a manifest goes on in lines that begin with a blank. */
function properties(text: string): Readonly<Record<string, string | undefined>> {
  const lines = text.replace(/\r?\n /g, '').split(/\r?\n/);
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [head, key] = /^([\w.-]+)[ \t]*[=:]/.exec(line) ?? [];
      return head === undefined ? [] : [[key!, line.slice(head.length).trim()]];
    }),
  );
}
