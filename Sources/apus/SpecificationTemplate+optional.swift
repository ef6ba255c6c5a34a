/// What may be left out of a specification, each with its meaning.
extension SpecificationTemplate {
    static let exposure = """
        # The virtual host under which a gateway offers it. Default: none.
        #exposureSpec:
        #  vhost: example.local
        #  portName: main
        #  mode: ALL
        """

    static let placement = """
        # Where it may run. Default: {type: ANY}, on executors without tags. Others are ONE_PER_HOST, NO_TAG, and
        # {type: RULE_BASED, ruleType: HOPE, rule: "'/allocatedExecutorNodeMetadata/rack' == 'r1'"}.
        #placementPolicy:
        #  type: COMPOSITE
        #  combiner: AND
        #  policies:
        #  - type: MAX_N_PER_HOST
        #    max: 2
        #  - type: MATCH_TAG
        #    tag: ssd
        #  - type: SPREAD
        #    over: METADATA
        #    key: rack
        #    maxSkew: 1
        #    enforcement: SOFT
        #    scope: NAME
        """

    static let localPlacement = """
        # On every executor. With hostLevel it has the container's own ports on the host, and one instance there.
        placementPolicy:
          type: LOCAL
        #  hostLevel: false
        """

    static let preShutdown = """
        # What is done before it is stopped: requests or commands in order, then the wait. Default: nothing.
        #preShutdown:
        #  hooks:
        #  - type: HTTP
        #    protocol: HTTP
        #    portName: main
        #    path: /drain
        #    verb: POST
        #    successCodes: [200]
        #  - type: CMD
        #    command: sync
        #    shellDisabled: false
        #  waitBeforeKill: 5s
        """

    static let common = [process, volumes, configs, logging, devices]

    private static let process = """
        # Its environment, and what its command is given. Default: what the image says.
        #env:
        #  GREETING: hello
        #args: [--verbose]
        # Who it runs as: names or numbers. Default: what the image says.
        #userSpec:
        #  user: "1000"
        #  group: "1000"
        # For people and programs to find it by.
        #tags:
        #  team: shop
        """

    private static let volumes = """
        # Folders of the host that it sees: READ_ONLY or READ_WRITE. The machine's limits must allow them.
        #volumes:
        #- pathInContainer: /data
        #  pathOnHost: /srv/data
        #  mode: READ_ONLY
        """

    private static let configs = """
        # Files that are put into it before it starts: their content in base64, of the host, or fetched by the controller
        # or by the executor.
        #configs:
        #- type: INLINE
        #  localFilename: /etc/greeting
        #  data: aGVsbG8K
        #- type: EXECUTOR_LOCAL_FILE
        #  localFilename: /etc/site.conf
        #  filePathOnHost: /srv/site.conf
        #- type: CONTROLLER_HTTP_FETCH
        #  localFilename: /etc/app.conf
        #  http:
        #    protocol: HTTPS
        #    hostname: config.example.com
        # All below may be left out. Port 0 is the protocol's own; the times are 1s by default.
        #    port: 0
        #    path: /app.conf
        #    verb: GET
        #    successCodes: [200]
        #    payload: ""
        #    connectionTimeout: 1s
        #    operationTimeout: 1s
        #    username: reader
        #    password: secret
        #    authHeader: Bearer secret
        #    headers: {Accept: text/plain}
        #    insecure: false
        #- type: EXECUTOR_HTTP_FETCH
        #  localFilename: /etc/other.conf
        #  http: {protocol: HTTP, hostname: config.example.com, path: /other.conf}
        """

    private static let logging = """
        # Its output is kept in files that are turned over at a size, so many of them. Default: as here.
        # To a syslog server it goes with {type: RSYSLOG, server: "udp://logs:514", tagPrefix: web-, tagSuffix: -eu}.
        #logging:
        #  type: LOCAL
        #  maxSize: 10m
        #  maxFiles: 3
        #  compress: true
        """

    private static let devices = """
        # Devices of the host, where controller and machine allow them. Permissions are READ_ONLY, WRITE_ONLY,
        # MKNOD_ONLY, READ_WRITE or ALL; DETAILED is Docker's own request for a device.
        #devices:
        #- type: DIRECT
        #  pathOnHost: /dev/fuse
        #  pathInContainer: /dev/fuse
        #  permissions: READ_WRITE
        #- type: DETAILED
        #  driver: nvidia
        #  count: 1
        #  deviceIds: []
        #  capabilities: [[gpu]]
        #  options: {}
        """
}
