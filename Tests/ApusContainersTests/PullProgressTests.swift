import ApusContainers
import ApusModel
import Testing

struct PullProgressTests {
    private func text(after lines: [String]) throws -> String {
        var progress = PullProgress()
        for line in lines { progress.take(try JSON(parsing: line)) }
        return progress.text
    }

    @Test func `layers and bytes are added up as they come`() throws {
        let beginning = [
            #"{"status":"Pulling from shop/web","id":"1"}"#,
            #"{"status":"Pulling fs layer","progressDetail":{},"id":"aa"}"#,
            #"{"status":"Pulling fs layer","progressDetail":{},"id":"bb"}"#,
            #"{"status":"Already exists","progressDetail":{},"id":"cc"}"#,
        ]
        #expect(try text(after: []) == "")
        #expect(try text(after: beginning) == "1 of 3 layers fetched")
        let half =
            beginning + [
                #"{"status":"Downloading","progressDetail":{"current":5000000,"total":20000000},"id":"aa"}"#
            ]
        #expect(try text(after: half) == "1 of 3 layers fetched, 5 of 20 MB of those that have begun")
        let whole =
            half + [
                #"{"status":"Pull complete","progressDetail":{},"id":"aa"}"#,
                #"{"status":"Extracting","progressDetail":{"current":1,"total":9},"id":"bb"}"#,
            ]
        #expect(try text(after: whole) == "3 of 3 layers fetched, 20 of 20 MB of those that have begun")
    }

    @Test func `an engine that names layers without end is not believed`() throws {
        let lines = (0..<2000).map { #"{"status":"Waiting","id":"\#($0)"}"# }
        #expect(try text(after: lines) == "0 of 512 layers fetched")
    }

    @Test(
        arguments: [
            ("busybox", "docker.io"), ("library/busybox:1", "docker.io"), ("index.docker.io/x", "docker.io"),
            ("localhost/x", "localhost"), ("registry:5000/x:1", "registry:5000"), ("ghcr.io/a/b@sha256:00", "ghcr.io"),
        ]
    )
    func `an image's registry is what stands before the first slash, if that is a host`(image: String, registry: String)
    {
        #expect(ImageReference(image).registry == registry)
    }

    @Test func `credentials say nothing of themselves`() {
        let credentials = RegistryCredentials(registry: "r", username: "hidden-user", password: "hidden-password")
        #expect(!"\(credentials)".contains("hidden"))
    }
}
