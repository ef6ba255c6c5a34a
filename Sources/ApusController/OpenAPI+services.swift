import ApusModel

/// Local services and their instances (contract §1.2).
extension OpenAPI {
    static let services: [RouteDescription] = [
        RouteDescription(
            "POST localservices/operations",
            "Asks for a change of a local service",
            body: .localServiceOperation,
            example: OpenAPIExample.localServiceOperation,
            .data(.object(["serviceId": .serviceID]))
        ),
        RouteDescription(
            "POST localservices/operations/{id}/cancel",
            "Ends the operation under way",
            path: [.serviceID],
            .nothing
        ),
        RouteDescription(
            "POST localservices/validate/spec",
            "Checks a specification; nothing is changed",
            body: .localServiceSpec,
            example: OpenAPIExample.localServiceSpec.json,
            .data(.object(["valid": .flag]))
        ),
        RouteDescription(
            "GET localservices",
            "All local services by id",
            parameters: .page,
            .data(.map(.localServiceSummary))
        ),
        RouteDescription(
            "GET localservices/{id}",
            "One local service",
            path: [.serviceID],
            .found(.localServiceSummary)
        ),
        RouteDescription(
            "GET localservices/{id}/spec",
            "Its specification, without secrets",
            path: [.serviceID],
            .found(.localServiceSpec)
        ),
        RouteDescription(
            "GET localservices/{id}/explain",
            "Why it has no more instances",
            path: [.serviceID],
            parameters: .executors,
            .found(.explanation(of: ["serviceId": .serviceID]))
        ),
        RouteDescription(
            "GET localservices/{id}/instances",
            "Its instances, the oldest first",
            path: [.serviceID],
            parameters: .states,
            .data(.list(.localServiceInstanceInfo))
        ),
        RouteDescription(
            "GET localservices/{id}/instances/old",
            "Its ended instances, those that ended last first",
            path: [.serviceID],
            .data(.list(.localServiceInstanceInfo))
        ),
        RouteDescription(
            "GET localservices/{id}/instances/{instance}",
            "One instance in any state",
            path: [.serviceID, .instanceID],
            .found(.localServiceInstanceInfo)
        ),
    ]
}
