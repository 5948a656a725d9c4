export { type ErrorCode, errorCodes, grpcStatusOf, codeOfGrpcStatus } from './codes.js'
export {
  type ErrorDetails,
  type FieldViolation,
  type QuotaViolation,
  HoldfastError,
  asHoldfastError,
  invalidField,
} from './holdfast-error.js'
