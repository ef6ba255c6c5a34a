/// The version of this build, as it is told and written down.
package enum ApusVersion {
    package static let text = "0.1.0"
}
