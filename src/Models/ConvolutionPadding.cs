namespace UnetResnet.Models;

/// <summary>How the two strided windows of ResNet50 (7×7 convolution, 3×3 pooling) are padded.</summary>
public enum ConvolutionPadding
{
    /// <summary>
    /// Keras's and TensorFlow's 'same': as much as a full output needs, the odd pixel at the bottom and right. On even sides 2 before and 3 after for the
    /// 7×7, 0 and 1 for the pooling.
    /// </summary>
    Same,

    /// <summary>PyTorch's and Caffe's: 3 on every side for the 7×7, 1 for the pooling. Shifts the feature maps by half a pixel against <see cref="Same"/>.</summary>
    Symmetric,
}
