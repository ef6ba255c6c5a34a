import ApusModel

/// Who may call, and what instances ask about themselves.
extension OpenAPI {
    static let access: [RouteDescription] = [
        RouteDescription(
            "POST instances/{id}/exec",
            "Runs a command in a running container; its streams are frames both ways (application/vnd.apus.exec)",
            path: [.instanceID],
            parameters: [
                .init(name: "command", schema: .list(.text), description: "The program and what it is given"),
                .init(name: "tty", schema: .flag, description: "It has a terminal"),
                .init(name: "stdin", schema: .flag, description: "It reads what is sent"),
                .init(name: "user", schema: .text, description: "Whom it runs as"),
                .init(name: "workdir", schema: .text, description: "Where it runs"),
                .init(name: "env", schema: .list(.text), description: "NAME=VALUE"),
            ],
            .frames
        ),
        RouteDescription("GET users", "Everybody who may call, without their passwords", .data(.list(.user))),
        RouteDescription(
            "POST users",
            "Adds or changes all users of a list in the form of Drove's userAuth, or none",
            body: .userList,
            .data(.list(.user))
        ),
        RouteDescription(
            "PUT users/{name}",
            "Adds or changes a user; what is left out stays",
            path: [.text],
            body: .userChange,
            .found(.user)
        ),
        RouteDescription(
            "DELETE users/{name}",
            "Removes a user",
            path: [.text],
            .found(.object(["name": .text, "removed": .flag]))
        ),
        RouteDescription(
            "POST cluster/export",
            "All that the store holds, hashes and keys too, as lines of JSON: for a back-up",
            .file(APIFile.export)
        ),
        RouteDescription(
            "POST cluster/instance-keys/rotate",
            "A new key signs the tokens of instances from now on",
            .data(.object(["keys": .integer(1...8)]))
        ),
    ]
}

extension Schema {
    fileprivate static let role = choice(
        Role.allCases.map(\.rawValue).filter { Role(ofUser: $0) != nil }
    )

    fileprivate static let user = named("User", .object(["name": .text, "role": .role]))

    fileprivate static let userChange = named(
        "UserChange",
        .object(
            [:],
            optional: [
                "role": .role.described("or root, read-write, maintenance, read-only"),
                "password": text, "passwordHash": .text.described("bcrypt, $2a$, $2b$ or $2y$"),
            ]
        )
    )

    fileprivate static let userList = named(
        "UserList",
        .object(
            [
                "users": .list(
                    .object(["username": .text, "password": .text, "role": .role]),
                    most: Int64(Users.most)
                )
            ],
            optional: ["enabled": .flag, "encoding": .choice(["PLAIN", "CRYPT"])]
        )
    )
}
