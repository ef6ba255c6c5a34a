/// Sound texts of what no golden file has.
enum Samples {
    static let application = """
        {"name":"web","version":"1","executable":{"type":"DOCKER","url":"web:1","dockerPullTimeout":"100 seconds"},\
        "exposedPorts":[{"name":"main","port":8000,"type":"HTTP"}],\
        "volumes":[{"pathInContainer":"/c","pathOnHost":"/h","mode":"READ_ONLY"}],\
        "configs":[{"type":"INLINE","localFilename":"/a","data":"AP8HCQ=="},\
        {"type":"EXECUTOR_HTTP_FETCH","localFilename":"/d","http":{"protocol":"HTTP","hostname":"h"}}],\
        "type":"SERVICE","logging":{"type":"LOCAL","maxSize":"10m","maxFiles":3,"compress":true},\
        "resources":[{"type":"CPU","count":1},{"type":"MEMORY","sizeInMB":128}],\
        "placementPolicy":{"type":"COMPOSITE","combiner":"AND","policies":[{"type":"ONE_PER_HOST"},\
        {"type":"RULE_BASED","rule":"'/executorNodeId' != 'x'","ruleType":"HOPE"},\
        {"type":"SPREAD","over":"METADATA","key":"rack","maxSkew":2,"enforcement":"SOFT","scope":"VERSION"}]},\
        "healthcheck":{"mode":{"type":"HTTP","protocol":"HTTP","portName":"main","path":"/","verb":"GET",\
        "successCodes":[200]},"timeout":"1s","interval":"5s","attempts":3,"initialDelay":"0s"},\
        "readiness":{"mode":{"type":"CMD","command":"true"},"timeout":"1s","interval":"1s","attempts":3},\
        "tags":{"a":"b"},"env":{"LANG":"C"},"args":["-v"],\
        "exposureSpec":{"vhost":"web.local","portName":"main","mode":"ALL"},\
        "preShutdown":{"hooks":[{"type":"CMD","command":"drain"}],"waitBeforeKill":"1s"},\
        "userSpec":{"user":"1000","group":"1000"}}
        """
    static let service = application.replacing(#""type":"SERVICE""#, with: #""type":"LOCAL_SERVICE""#)
        .replacing(#""exposureSpec":{"vhost":"web.local","portName":"main","mode":"ALL"},"#, with: "")
        .replacing(/"placementPolicy":.*\]},"healthcheck"/, with: #""placementPolicy":{"type":"LOCAL"},"healthcheck""#)
    static let task = """
        {"sourceAppName":"JOBS","taskId":"T1","executable":{"type":"DOCKER","url":"job:1","dockerPullTimeout":"100s"},\
        "resources":[{"type":"CPU","count":1},{"type":"MEMORY","sizeInMB":128}],"env":{"A":"b"},"args":["x"]}
        """
    static let opSpec = #"{"timeout":"5m","parallelism":2,"failureStrategy":"ROLLBACK"}"#
    static let share = #"{"share":"12.5%","of":"disk","least":0,"most":50}"#
    static let rules = [
        "'/executorNodeId' == 'E'", "!path.exists('/a/b') || arr.in('/zone', ['a', \"b\"])",
        "str.substr('/zone', 0, 1) == 'a' && (math.add(1, 2.5) - .5 >= '/n' || str.len('/zone') < 3)",
        "arr.not_in('/n', '/list') && !(math.div('/n', 0) > 1)", "math.mod(-5, 3) != math.neg(2) || true",
    ]
    static let facts = #"{"executorNodeId":"E","zone":"abc","n":7,"list":[1,7,"x",true],"a":{"b":{"c":null}}}"#

    static let applicationOperations = [
        #"{"type":"CREATE","spec":\#(application),"instances":2,"opSpec":\#(opSpec)}"#,
        #"{"type":"CREATE","spec":\#(application),"instances":\#(share),"opSpec":\#(opSpec)}"#,
        #"{"type":"DESTROY","appId":"web-1","opSpec":\#(opSpec)}"#,
        #"{"type":"START_INSTANCES","appId":"web-1","instances":1,"opSpec":\#(opSpec)}"#,
        #"{"type":"STOP_INSTANCES","appId":"web-1","instanceIds":["AI-1"],"skipRespawn":true,"opSpec":\#(opSpec)}"#,
        #"{"type":"SCALE","appId":"web-1","requiredInstances":"7%","opSpec":\#(opSpec)}"#,
        #"{"type":"REPLACE_INSTANCES","appId":"web-1","instanceIds":[],"stopFirst":true,"opSpec":\#(opSpec)}"#,
        #"{"type":"SUSPEND","appId":"web-1","opSpec":\#(opSpec)}"#, #"{"type":"RECOVER","appId":"web-1"}"#,
        #"{"type":"ROLLOUT","appId":"web-2","from":"web-1","requiredInstances":3,"opSpec":\#(opSpec)}"#,
    ]
    static let serviceOperations = [
        #"{"type":"CREATE","spec":\#(service),"instancesPerHost":1}"#, #"{"type":"ACTIVATE","serviceId":"web-1"}"#,
        #"{"type":"UPDATE_INSTANCE_COUNT","serviceId":"web-1","instancesPerHost":2}"#,
        #"{"type":"REPLACE_INSTANCES","serviceId":"web-1","instanceIds":["SI-1"],"stopFirst":true,"opSpec":\#(opSpec)}"#,
        #"{"type":"STOP_INSTANCES","serviceId":"web-1","instanceIds":["SI-1"],"opSpec":\#(opSpec)}"#,
        #"{"type":"RESTART","serviceId":"web-1","stopFirst":false,"clusterOpSpec":\#(opSpec)}"#,
    ]
    static let taskOperations = [
        #"{"type":"CREATE","spec":\#(task),"opSpec":\#(opSpec)}"#,
        #"{"type":"KILL","sourceAppName":"JOBS","taskId":"T1","opSpec":\#(opSpec)}"#,
    ]

    private static let allocation = #"{"numaNode":0,"cores":[1,2],"memoryMB":128}"#
    private static let port = #"{"name":"main","containerPort":8000,"hostPort":32768,"portType":"HTTP"}"#
    private static let operation = """
        {"id":"O1","kind":"ROLLOUT","parallelism":1,"timeout":"5 minutes","failureStrategy":"STOP","rounds":2,"before":1,\
        "order":"START_FIRST","accepted":1753000000000,"spentMilliseconds":1500,"targets":["AI-1"],\
        "rollout":{"from":"web-0","to":"web-1","before":2,"there":2,"shareBefore":\(share),"failure":"it failed"}}
        """
    private static let ended = """
        {"id":"O0","kind":"SCALE","outcome":"SUCCEEDED","reason":"","accepted":1753000000000,"ended":1753000000001,\
        "targets":["AI-1"],"from":"web-0","to":"web-1"}
        """
    static let applicationRecord = """
        {"schema":1,"expected":2,"share":\(share),"created":1753000000000,"updated":1753000000000,\
        "operation":\(operation),"ordered":3,"spec":\(application)}
        """
    static let serviceRecord = """
        {"schema":1,"instancesPerHost":1,"activation":"ACTIVE","created":1753000000000,"updated":1753000000000,\
        "spec":\(service)}
        """
    static let taskRecord = """
        {"schema":1,"created":1753000000000,"updated":1753000000000,"timeout":"5 minutes","spentMilliseconds":0,\
        "killed":false,"refusals":0,"executor":"E","assignment":{"id":"TI-1","app":{"source":"JOBS","task":"T1"},\
        "allocation":\(allocation),"ports":[],"healthy":false,"epoch":2,"created":1753000000000,\
        "updated":1753000000000},"spec":\(task)}
        """
    static let member = """
        {"schema":1,"id":"E","key":"K","hostname":"h","port":11000,"transport":"HTTP","admitted":1753000000000,\
        "description":{"topology":{"nodes":[{"id":0,"cores":[0,1],"memoryMB":4096,"siblings":[[0,1]]}],\
        "sharedMultiplier":2,"quantities":{"disk":1000}},"tags":["h"],"metadata":{"rack":"1"},"zone":"a"},\
        "lostSince":1753000000000,"duty":"BLACKLISTED","dutyOrdered":2,"unready":true}
        """
    static let hints = """
        {"schema":1,"executor":"E","instances":[{"id":"AI-1","app":"web-1","allocation":\(allocation),\
        "ports":[\(port)],"healthy":true,"epoch":2,"created":1753000000000,"updated":1753000000000}]}
        """
    static let endedPage = """
        {"schema":1,"page":3,"entries":[{"id":"AI-1","app":"web-1","executor":"E","hostname":"h",\
        "allocation":\(allocation),"ports":[\(port)],"state":"STOPPED","error":"","cause":{"kind":"EXITED","code":1,\
        "outOfMemory":false},"created":1753000000000,"updated":1753000000000}]}
        """
    static let factsRecord = """
        {"schema":1,"mode":"MAINTENANCE","changed":1753000000000,"spread":{"type":"SPREAD","over":"ZONE","maxSkew":1},\
        "restoration":{"epoch":4,"confirmed":false},"retired":[{"id":"E","key":"K","incarnation":3}],\
        "checked":1753000000000}
        """
    static let auditRecord = """
        {"sequence":30064771073,"origin":"0a1b-12","ids":["AI-1","web-1"],"body":{"time":1753000000000,"epoch":7,\
        "actor":{"kind":"USER","name":"joe","source":"10.0.0.1"},"action":"APPLICATION_SCALE"}}
        """
    /// Those that no golden journal has.
    static let journalRecords = [
        """
        {"schema":1,"kind":"ADOPTED","instance":{"id":"AI-1","app":"web-1","appName":"web","allocation":\(allocation),\
        "ports":[\(port)],"container":"c1","created":1753000000000}}
        """,
        #"{"schema":1,"kind":"RESTARTING","id":"AI-1","count":2,"error":"it failed","at":1753000000000}"#,
        #"{"schema":1,"kind":"FORGOTTEN","id":"AI-1"}"#,
    ]
    static let hash = "$2b$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
    static let users = #"{"schema":1,"users":[{"name":"joe","role":"EXTERNAL_READ_WRITE","hash":"\#(hash)"}]}"#
    static let tokens = """
        {"schema":1,"keys":["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="],"ids":["0"],"created":[1753000000000]}
        """
}
