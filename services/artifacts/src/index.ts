export { type ArtifactService, type ArtifactServiceOptions, createArtifactService } from './server.js'
